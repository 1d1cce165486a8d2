// A photo with smaller copies of itself: drawing a 4K photo at a quarter of its size would cost a frame.

import { photoUrl, RefusedError } from "../api/host";

/** Longer side, in pixels, from which on there are no smaller copies. */
const SMALLEST = 512;

export interface Photo {
    /** The photo, then copies of half the size each. */
    levels: ImageBitmap[];
}

export async function loadPhoto(filepath: string): Promise<Photo> {
    const response = await fetch(photoUrl(filepath), { credentials: "include" });
    if (!response.ok) throw new RefusedError(`The photo cannot be loaded: ${filepath} (${response.status})`);
    // The browser turns the photo as its EXIF data says, as the labels expect.
    let level = await createImageBitmap(await response.blob()).catch((error: Error) => {
        throw new RefusedError(`The photo cannot be read: ${filepath} (${error.message})`);
    });
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
