// The plugin's operators as functions, see fiftyone_plugin/review.py.

import { RefusedError, runOperator } from "./host";
import type {
    ApprovalResult, Edit, EditHeader, EditResult, ErrorRate, OpenedImage, PersonData, QueueQuery, QueueResult, ScoreTable,
    Setup, SpotCheckResult,
} from "./types";

/** The labels that the operators work on. */
export interface Scope {
    dataset: string;
    /** Stages of a view, none for the whole dataset. */
    view: unknown[];
    /** Of the label fields. */
    prefix: string;
}

export async function callOperator<T>(scope: Scope, name: string, params: object): Promise<T> {
    const uri = `@densepose/annotator/${name}`;
    const values = { prefix: scope.prefix, ...params };
    type Failure = { error?: string; unavailable?: string };
    const result = await runOperator<T & Failure>(uri, values, scope.dataset, scope.view);
    if (result.error) throw new RefusedError(result.error);
    // It will pass: worth another try.
    if (result.unavailable) throw new Error(result.unavailable);
    return result;
}

const call = <T>(scope: Scope, name: string, params: object) => callOperator<T>(scope, `review_${name}`, params);

export const fetchSetup = (scope: Scope) => call<Setup>(scope, "setup", {});

export const fetchQueue = (scope: Scope, query: QueueQuery, show?: Show) => callSlow<QueueResult>(scope, "queue", query, show);

export const fetchScores = (scope: Scope, order: string, skip: number, show?: Show) =>
    callSlow<ScoreTable>(scope, "scores", { order, skip }, show);

export const fetchImage = (scope: Scope, sample: string) => call<OpenedImage>(scope, "open", { sample });

/** A photo as the server reads it: a JPEG in base64. */
export const fetchPhoto = (scope: Scope, sample: string) => call<{ jpeg: string }>(scope, "photo", { sample });

/** The people as the second annotator has labelled them. */
export const fetchSecond = (scope: Scope, sample: string) => call<{ people: PersonData[] }>(scope, "second", { sample });

/** Small JPEGs in base64 by sample, null for a photo that cannot be read. */
export const fetchThumbnails = (scope: Scope, samples: string[]) =>
    call<{ jpegs: Record<string, string | null> }>(scope, "thumbnails", { samples });

/** The photo before, of the same folder, with its people; `sample` is null where there is none with people. */
export const fetchPhotoBefore = (scope: Scope, sample: string) =>
    call<OpenedImage | { sample: null; people: [] }>(scope, "photo_before", { sample });

/** Say that the labels of a photo that has changed fit it. */
export const keepLabels = (scope: Scope, sample: string) => call<OpenedImage>(scope, "keep_labels", { sample });

export const sendEdit = (scope: Scope, sample: string, edit: Edit, header: EditHeader) =>
    call<EditResult>(scope, "edit", { sample, edit, ...header });

/** Restore people to what an undo token stands for. */
export const restore = (scope: Scope, sample: string, token: string, header: EditHeader) =>
    call<EditResult>(scope, "restore", { sample, token, ...header });

/** Log seconds of active work on a photo that no edit came of. */
export const logTime = (scope: Scope, sample: string, author: string, seconds: number) =>
    call<object>(scope, "log_time", { sample, author, seconds, request_id: newRequestId() });

export const spotCheck = (scope: Scope, issueScore: number, share: number, seed: number) =>
    callSlow<SpotCheckResult>(scope, "spot_check", { issue_score: issueScore, share, seed });

export const fetchErrorRate = (scope: Scope) => callSlow<ErrorRate>(scope, "error_rate", {});

/** How long to wait before a run that goes on is asked for its result again. */
const ASK_AGAIN_MS = 1000;
export type Show = (done: number, total: number | null) => void;
type Progress = { running?: { done: number; total: number | null } };

/** The result of a run in the background, which the server knows by `request_id`; `show` is told how far it is. */
async function callUntilDone<T>(scope: Scope, name: string, values: object, show: Show): Promise<T> {
    for (let isBegun = false; ; isBegun = true) {
        const answer: (T & Progress) | null = await call<T & Progress>(scope, name, { ...values, background: true }).catch((error) => {
            // Once it goes on, a server that does not answer for a while is no reason to give up.
            if (!isBegun || error instanceof RefusedError) throw error;
            return null;
        });
        if (answer && !answer.running) return answer;
        if (answer?.running) show(answer.running.done, answer.running.total);
        await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
}

/** What may take long where there are many photos. The scope may be another one before the answer comes. */
const callSlow = <T>(scope: Scope, name: string, values: object, show: Show = () => {}) =>
    callUntilDone<T>({ ...scope }, name, { ...values, request_id: newRequestId() }, show);

export const approveBelow = (scope: Scope, issueScore: number, author: string, requestId: string, show: Show) =>
    callUntilDone<ApprovalResult>(scope, "approve_below", { issue_score: issueScore, author, request_id: requestId }, show);

/** Undo the `approveBelow` of this request. */
export const takeBack = (scope: Scope, requestId: string, show: Show) =>
    callUntilDone<{ predicted: number }>(scope, "take_back", { request_id: requestId }, show);

/** 16 hexadecimal digits: what is asked for twice under one id is done once. */
export function newRequestId(): string {
    const bytes = [...crypto.getRandomValues(new Uint8Array(8))];
    return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
