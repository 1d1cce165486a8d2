// One person as the panel holds it: the server's data with its layers unpacked.

import type { PersonData, PossiblePerson } from "../api/types";
import { DECIDED, MASK_BIT } from "./labels";

export interface Layers {
    /** Part 0..14, plus MASK_BIT on the mask. */
    parts: Uint8Array;
    charts: Uint8Array;
    u: Uint8Array;
    v: Uint8Array;
}

export interface Person extends PersonData {
    layers: Layers;
}

/** The bytes that the server packed: zlib in base64. */
export async function unpack(text: string): Promise<Uint8Array> {
    const binary = atob(text);
    // Not Uint8Array.from: its callback for every byte takes longer than all the rest.
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A person with its layers; those of `known` are used again if it has the same version. */
export async function unpackPerson(data: PersonData, known?: Person): Promise<Person> {
    if (known?.version === data.version) return { ...data, planes: "", layers: known.layers };
    const bytes = await unpack(data.planes);
    const area = data.box[2] * data.box[3];
    const [parts, charts] = [bytes.subarray(0, area), bytes.subarray(area, 2 * area)];
    // Of the pixels with a chart come first all U, then all V; few overlays need them, and to spread them takes time.
    const middle = area + bytes.length / 2;
    let u: Uint8Array | undefined, v: Uint8Array | undefined;
    const layers = {
        parts,
        charts,
        get u() {
            return (u ??= spread(charts, bytes.subarray(2 * area, middle)));
        },
        get v() {
            return (v ??= spread(charts, bytes.subarray(middle)));
        },
    };
    return { ...data, planes: "", layers };
}

/** A whole layer from the values of the pixels with a chart; there may be none. */
function spread(charts: Uint8Array, values: Uint8Array): Uint8Array {
    const layer = new Uint8Array(charts.length);
    for (let i = 0, from = 0; values.length && i < layer.length; i++) if (charts[i]) layer[i] = values[from++];
    return layer;
}

/** Index of an image point in a person's layers, −1 outside of the box. */
export function indexAt(person: Person, x: number, y: number): number {
    const [left, top, width, height] = person.box;
    const column = Math.floor(x) - left;
    const row = Math.floor(y) - top;
    return column >= 0 && row >= 0 && column < width && row < height ? row * width + column : -1;
}

export function isOnMask(person: Person, x: number, y: number): boolean {
    const index = indexAt(person, x, y);
    return index >= 0 && person.layers.parts[index] >= MASK_BIT;
}

/** The person at an image point: one whose mask is there, else the smallest box around it. */
export function personAt(people: Person[], x: number, y: number): Person | undefined {
    const inBox = people.filter((person) => indexAt(person, x, y) >= 0);
    const bySize = inBox.sort((a, b) => a.box[2] * a.box[3] - b.box[2] * b.box[3]);
    return inBox.find((person) => isOnMask(person, x, y)) ?? bySize.find((person) => !person.has_mask);
}

/** The possible person with the smallest box around an image point. */
export function possibleAt(possible: PossiblePerson[], x: number, y: number): PossiblePerson | undefined {
    const around = possible.filter(({ box: [left, top, w, h] }) => x >= left && y >= top && x < left + w && y < top + h);
    return around.sort((a, b) => a.box[2] * a.box[3] - b.box[2] * b.box[3])[0];
}

/** A place on the body. */
export interface SurfacePoint {
    chart: number;
    /** 0..1 */
    u: number;
    v: number;
}

/** The place on the body that an image point is labelled with. */
export function surfaceAt(person: Person, x: number, y: number): SurfacePoint | null {
    const index = indexAt(person, x, y);
    if (index < 0 || !person.layers.charts[index]) return null;
    const { charts, u, v } = person.layers;
    return { chart: charts[index], u: u[index] / 255, v: v[index] / 255 };
}

export const isDecided = ({ state }: Person) => DECIDED.includes(state);

/** The largest issue of a person, −1 if somebody has decided about it. */
export function worstIssue(person: Person): number {
    return isDecided(person) ? -1 : Math.max(0, ...Object.values(person.issues));
}
