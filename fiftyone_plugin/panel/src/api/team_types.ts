// What the operators for teams take and return, see fiftyone_plugin/team.py.

export type StageName = "label" | "review" | "done";

export type StageAction = "send" | "done" | "hand_back";

/** Of photos, by which the queue is filtered: see annotator/team/listing.py. */
export type WorkKind = "mine" | "returned" | StageName;

export interface PhotoWork {
    stage: StageName;
    /** Who works on it now. */
    holder: string | null;
    /** Who has labelled it. */
    annotators: string[];
    returned_to: string | null;
    /** Of whoever sent it on or handed it back last. */
    comment: string;
    history: { time: string; author: string; action: string; comment: string }[];
}
