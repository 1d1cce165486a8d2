// Loads images with their photos and people, the next one ahead of time.

import { RefusedError } from "../api/host";
import { fetchImage, fetchPhoto, type Scope } from "../api/operators";
import type { Agreement, PhotoChange, PossiblePerson } from "../api/types";
import { type Person, unpackPerson } from "./people";
import { closePhoto, decodePhoto, loadPhoto, type Photo } from "./photo";

export interface Image {
    sample: string;
    prefix: string;
    filepath: string;
    size: [width: number, height: number];
    people: Map<string, Person>;
    /** Whom the labels may lack, most probable first. */
    possible: Map<string, PossiblePerson>;
    /** Whether a reviewer has said that nobody is there. */
    nobody: boolean;
    /** How many people are being labelled on it. */
    adding: number;
    changed: PhotoChange | null;
    agreement: Agreement | null;
    photo: Photo;
    /** How many of its edits had been answered when its people were asked for. */
    answeredEdits: number;
}

/** Where the queue says that images lie. */
interface Files {
    find(sample: string): { filepath: string } | undefined;
}

export class ImageLoader {
    private prefetched: { sample: string; image: Promise<Image> } | null = null;
    /** By sample: how many edits were answered. People who were asked for before may be as they were before the edit. */
    private readonly answeredEdits = new Map<string, number>();

    constructor(private readonly scope: Scope, private readonly queue: Files) {}

    /** An image; if it was prefetched, somebody may have changed it since. */
    get(sample: string): { image: Promise<Image>; isPrefetched: boolean } {
        if (this.prefetched?.sample !== sample) return { image: this.load(sample), isPrefetched: false };
        const { image } = this.prefetched;
        this.prefetched = null;
        return { image, isPrefetched: true };
    }

    prefetch(sample: string) {
        if (sample === this.prefetched?.sample) return;
        this.dropPrefetched();
        const prefetched = (this.prefetched = { sample, image: this.load(sample) });
        // The error is shown if the image is opened and does not load then either.
        prefetched.image.catch(() => {
            if (this.prefetched === prefetched) this.prefetched = null;
        });
    }

    dropPrefetched() {
        this.prefetched?.image.then(({ photo }) => closePhoto(photo), () => undefined);
        this.prefetched = null;
    }

    /** An edit of an image was answered. */
    countAnswer(sample: string) {
        this.answeredEdits.set(sample, this.countOf(sample) + 1);
    }

    /** Whether an image has all edits that were answered. */
    isCurrent({ sample, answeredEdits }: Image): boolean {
        return answeredEdits === this.countOf(sample);
    }

    /** Replace the people of an image by those of the server. */
    async reloadPeople(image: Image) {
        let count: number, people: Person[], possible: PossiblePerson[], nobody: boolean, changed: PhotoChange | null;
        do {
            count = this.countOf(image.sample);
            const opened = await fetchImage({ ...this.scope, prefix: image.prefix }, image.sample);
            ({ possible, nobody, changed } = opened);
            people = await Promise.all(opened.people.map((data) => unpackPerson(data, image.people.get(data.key))));
        } while (count !== this.countOf(image.sample));
        image.people = byKey(people);
        image.possible = byKey(possible);
        image.nobody = nobody;
        const mayBeReplaced = changed || image.changed;
        image.changed = changed;
        if (mayBeReplaced) {
            // Whoever says that the labels fit, or edits those of a photo that is back, must see it as it is.
            const before = image.photo;
            image.photo = await this.photoOfSize(loadPhoto(image.filepath), image.sample, image.size, changed);
            closePhoto(before);
        }
    }

    private async load(sample: string): Promise<Image> {
        const { prefix } = this.scope;
        const answeredEdits = this.countOf(sample);
        // Where the queue knows the file, the photo need not wait for the labels.
        const known = this.queue.find(sample)?.filepath;
        const early = known === undefined ? null : loadPhoto(known);
        early?.catch(() => undefined); // awaited below
        const opened = await fetchImage(this.scope, sample);
        const { filepath, size, people: data, possible, nobody, changed, agreement } = opened;
        const [photo, people] = await Promise.all([
            this.photoOfSize(early ?? loadPhoto(filepath), sample, size, changed),
            Promise.all(data.map((person) => unpackPerson(person))),
        ]);
        const state = { nobody, adding: 0, changed, agreement, photo, answeredEdits };
        return { sample, prefix, filepath, size, people: byKey(people), possible: byKey(possible), ...state };
    }

    /** The photo that the browser has read; if it could not, or has turned it otherwise than the labels, the server's. */
    private async photoOfSize(
        read: Promise<Photo | null>, sample: string, size: Image["size"], changed: PhotoChange | null,
    ): Promise<Photo> {
        // One that has changed is shown as it is.
        const fits = ({ levels: [level] }: Photo) =>
            changed !== null || (level.width === size[0] && level.height === size[1]);
        const photo = await read;
        if (photo && fits(photo)) return photo;
        if (photo) closePhoto(photo);
        const served = await decodePhoto((await fetchPhoto(this.scope, sample)).jpeg);
        if (fits(served)) return served;
        const [{ width, height }] = served.levels;
        closePhoto(served);
        throw new RefusedError(
            `The photo has ${width} × ${height} pixels, its labels are for ${size[0]} × ${size[1]}: was it replaced?`,
        );
    }

    private countOf(sample: string): number {
        return this.answeredEdits.get(sample) ?? 0;
    }
}

export const byKey = <T extends { key: string }>(people: T[]) => new Map(people.map((person) => [person.key, person]));
