// A person before and after left and right, or front and back, were swapped.

import { paint } from "../canvas/tiles";
import type { Viewport } from "../canvas/viewport";
import type { Image } from "../state/image_loader";
import { describeOrientation } from "../state/orientation";
import type { Person } from "../state/people";
import type { Session } from "../state/session";
import { cornerAwayFrom } from "./placement";

/** About that of all of it, on the screen. */
const SIZE = [270, 290] as const;
/** Pixels of a picture. */
const [WIDTH, HEIGHT] = [240, 300];
/** Of the labels, whatever it is on the photo. */
const OPACITY = 0.7;

export function Comparison({ session, viewport }: { session: Session; viewport: Viewport }) {
    const { comparison, image, person } = session;
    if (!comparison || !image || person?.key !== comparison.before.key) return null;
    const { before, title } = comparison;
    const isDone = person.version !== before.version;
    if (!isDone && !session.edits.isPending) return null; // it was not done
    return (
        <div className="dp-comparison" style={cornerAwayFrom(person.box, viewport, ...SIZE)} data-testid="dp-comparison">
            <div className="dp-row">
                <strong>{title}</strong>
                <button className="dp-button dp-end" aria-label="Close" onClick={() => session.set({ comparison: null })}>
                    ×
                </button>
            </div>
            <div className="dp-row">
                <Picture image={image} person={before} index={session.indexOf(person)} caption="before" />
                {isDone ? (
                    <Picture image={image} person={person} index={session.indexOf(person)} caption="after" />
                ) : (
                    <span className="dp-dim">saving…</span>
                )}
            </div>
            <button className="dp-button" disabled={!isDone} onClick={() => void session.undo("undo")} data-testid="dp-undo-swap">
                Undo this
            </button>
        </div>
    );
}

interface PictureProps {
    image: Image;
    person: Person;
    index: number;
    caption: string;
}

/** The person on the photo, with charts where there are some. */
function Picture({ image, person, index, caption }: PictureProps) {
    const canvas = React.useRef<HTMLCanvasElement>(null);
    const orientation = React.useMemo(() => describeOrientation(person), [person]);
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
        context.resetTransform();
    }, [image, person, index]);
    return (
        <figure>
            <canvas ref={canvas} width={WIDTH} height={HEIGHT} />
            <figcaption>
                <strong>{caption}</strong>
                <span className="dp-dim">{orientation}</span>
            </figcaption>
        </figure>
    );
}
