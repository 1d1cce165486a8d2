// One person on the photo, as a small picture of its own.

import { paint } from "../canvas/tiles";
import type { Image } from "../state/image_loader";
import { SKELETON } from "../state/labels";
import type { Person } from "../state/people";

/** Pixels. */
const [WIDTH, HEIGHT] = [240, 300];
/** Of the labels, whatever it is on the photo. */
const OPACITY = 0.7;

interface PersonPictureProps {
    image: Image;
    person: Person;
    /** Whose colour the outline has. */
    index: number;
    caption: string;
    detail?: string;
    skeleton?: boolean;
}

/** With charts where there are some, else with parts. */
export function PersonPicture({ image, person, index, caption, detail, skeleton }: PersonPictureProps) {
    const canvas = React.useRef<HTMLCanvasElement>(null);
    React.useEffect(() => {
        const context = canvas.current!.getContext("2d")!;
        const [x, y, w, h] = person.box;
        const scale = 0.9 * Math.min(WIDTH / w, HEIGHT / h);
        context.fillStyle = "#101214";
        context.fillRect(0, 0, WIDTH, HEIGHT);
        context.setTransform(scale, 0, 0, scale, WIDTH / 2 - (x + w / 2) * scale, HEIGHT / 2 - (y + h / 2) * scale);
        context.drawImage(image.photo.levels[0], 0, 0, ...image.size);
        context.globalAlpha = OPACITY;
        context.imageSmoothingEnabled = false;
        const fill = person.layers.charts.some((chart) => chart) ? "charts" : "parts";
        const step = Math.max(1, 2 ** Math.round(Math.log2(1 / scale)));
        const tile = paint(person, index, { fill, contours: false }, step);
        context.drawImage(tile, x, y, tile.width * step, tile.height * step);
        context.globalAlpha = 1;
        if (skeleton) drawSkeleton(context, person, 1 / scale);
        context.resetTransform();
    }, [image, person, index, skeleton]);
    return (
        <figure>
            <canvas ref={canvas} width={WIDTH} height={HEIGHT} />
            <figcaption>
                <strong>{caption}</strong>
                {detail && <span className="dp-dim">{detail}</span>}
            </figcaption>
        </figure>
    );
}

function drawSkeleton(context: CanvasRenderingContext2D, { keypoints }: Person, pixel: number) {
    if (!keypoints) return;
    context.strokeStyle = "#fff";
    context.lineWidth = 1.5 * pixel;
    context.beginPath();
    for (const [a, b] of SKELETON) {
        if (!keypoints[a][3] || !keypoints[b][3]) continue;
        context.moveTo(keypoints[a][0], keypoints[a][1]);
        context.lineTo(keypoints[b][0], keypoints[b][1]);
    }
    context.stroke();
    context.fillStyle = "#ffea00";
    for (const [x, y, , visibility] of keypoints) {
        if (!visibility) continue;
        context.beginPath();
        context.arc(x, y, 3 * pixel, 0, 7);
        context.fill();
    }
}
