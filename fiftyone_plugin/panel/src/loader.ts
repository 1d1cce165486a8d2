// Images with their photos and people, as the server has them; the one that is next is loaded ahead.

import * as calls from "./calls";
import type { Place } from "./calls";
import type { ImageQueue } from "./image_queue";
import { type Person, unpackPerson } from "./people";
import { closePhoto, loadPhoto, type Photo } from "./photo";

export interface Image {
    sample: string;
    prefix: string;
    filepath: string;
    size: [number, number];
    people: Map<string, Person>;
    photo: Photo;
    /** How many of its edits had been answered when its people were asked for. */
    answers: number;
}

export class Loader {
    private ahead: { sample: string; image: Promise<Image> } | null = null;
    /** By image: how many edits were answered. People who were asked for before may be as they were before the edit. */
    private readonly answers = new Map<string, number>();

    constructor(private readonly place: Place, private readonly queue: ImageQueue) {}

    /** An image; `isEarly`: it was loaded ahead, and somebody may have changed it since. */
    get(sample: string): { image: Promise<Image>; isEarly: boolean } {
        if (this.ahead?.sample !== sample) return { image: this.load(sample), isEarly: false };
        const { image } = this.ahead;
        this.ahead = null;
        return { image, isEarly: true };
    }

    lookAhead(sample: string) {
        if (sample === this.ahead?.sample) return;
        this.dropAhead();
        const ahead = (this.ahead = { sample, image: this.load(sample) });
        // Told when it is opened, and does not load then either.
        ahead.image.catch(() => {
            if (this.ahead === ahead) this.ahead = null;
        });
    }

    dropAhead() {
        this.ahead?.image.then(({ photo }) => closePhoto(photo), () => undefined);
        this.ahead = null;
    }

    /** An edit of an image was answered. */
    answered(sample: string) {
        this.answers.set(sample, this.answersOf(sample) + 1);
    }

    /** Whether an image has all that was answered. */
    isCurrent({ sample, answers }: Image): boolean {
        return answers === this.answersOf(sample);
    }

    /** Bring the people of an image to what the server has. */
    async renew(image: Image) {
        let answers: number, people: Person[];
        do {
            answers = this.answersOf(image.sample);
            const opened = await calls.open({ ...this.place, prefix: image.prefix }, image.sample);
            people = await Promise.all(opened.people.map((data) => unpackPerson(data, image.people.get(data.key))));
        } while (answers !== this.answersOf(image.sample));
        image.people = byKey(people);
    }

    private async load(sample: string): Promise<Image> {
        const { prefix } = this.place;
        const answers = this.answersOf(sample);
        // Where the queue knows the file, the photo need not wait for the labels.
        const known = this.queue.find(sample)?.filepath;
        const early = known === undefined ? null : loadPhoto(known);
        early?.catch(() => undefined); // told below
        const { filepath, size, people: labels } = await calls.open(this.place, sample);
        const [photo, people] = await Promise.all([
            early ?? loadPhoto(filepath),
            Promise.all(labels.map((data) => unpackPerson(data))),
        ]);
        return { sample, prefix, filepath, size, people: byKey(people), photo, answers };
    }

    private answersOf(sample: string): number {
        return this.answers.get(sample) ?? 0;
    }
}

const byKey = (people: Person[]) => new Map(people.map((person) => [person.key, person]));
