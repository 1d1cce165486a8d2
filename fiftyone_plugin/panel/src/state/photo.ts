// A photo with smaller copies of itself: drawing a 4K photo at a quarter of its size would cost a frame.

import { photoUrl, RefusedError } from "../api/host";

/** Longer side, in pixels, from which on there are no smaller copies. */
const SMALLEST = 512;

export interface Photo {
    /** The photo, then copies of half the size each. */
    levels: ImageBitmap[];
}

/** A photo as the browser reads it; null if it does not read files of this format. */
export async function loadPhoto(filepath: string): Promise<Photo | null> {
    // What the browser has is asked about: the file may have been replaced.
    const response = await fetch(photoUrl(filepath), { credentials: "include", cache: "no-cache" });
    if (!response.ok) throw new RefusedError(`The photo cannot be loaded: ${filepath} (${response.status})`);
    // It turns the photo as the labels expect, see annotator/photos/reading.py.
    const bitmap = await createImageBitmap(await response.blob()).catch(() => null);
    return bitmap && withLevels(bitmap);
}

/** A photo that is a JPEG in base64. */
export async function decodePhoto(jpeg: string): Promise<Photo> {
    const bytes = Uint8Array.from(atob(jpeg), (character) => character.charCodeAt(0));
    return withLevels(await createImageBitmap(new Blob([bytes], { type: "image/jpeg" })));
}

async function withLevels(level: ImageBitmap): Promise<Photo> {
    const levels = [level];
    while (Math.max(level.width, level.height) > SMALLEST) {
        level = await createImageBitmap(level, {
            resizeWidth: Math.ceil(level.width / 2),
            resizeHeight: Math.ceil(level.height / 2),
            resizeQuality: "medium",
        });
        levels.push(level);
    }
    return { levels };
}

/** Free its memory, which the browser would keep until it notices. */
export function closePhoto({ levels }: Photo) {
    for (const level of levels) level.close();
}
