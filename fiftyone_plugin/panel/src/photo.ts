// A photo with smaller copies of itself: drawing a 4K photo at a quarter of its size would cost a frame.

import { photoUrl, Refusal } from "./host";

const SMALLEST = 512;

export interface Photo {
    levels: ImageBitmap[];
}

export async function loadPhoto(filepath: string): Promise<Photo> {
    const answer = await fetch(photoUrl(filepath), { credentials: "include" });
    if (!answer.ok) throw new Refusal(`The photo cannot be loaded: ${filepath} (${answer.status})`);
    // The browser turns the photo as its EXIF data says, as the labels expect.
    let level = await createImageBitmap(await answer.blob()).catch((error: Error) => {
        throw new Refusal(`The photo cannot be read: ${filepath} (${error.message})`);
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

/** Give its memory back, which the browser would keep until it notices. */
export function closePhoto({ levels }: Photo) {
    for (const level of levels) level.close();
}

/** Draw at a scale, from the smallest copy that is large enough. */
export function drawPhoto(context: CanvasRenderingContext2D, photo: Photo, width: number, height: number, scale: number) {
    const wanted = width * context.getTransform().a;
    const level = photo.levels.findLast((copy) => copy.width >= wanted) ?? photo.levels[0];
    context.imageSmoothingEnabled = scale < 3;
    context.drawImage(level, 0, 0, width, height);
}
