// The canvas with the photo and its labels.

import { Painter } from "./painter";
import { PointerInput } from "./pointer_input";
import type { Session } from "./session";
import type { Viewport } from "./viewport";

export function Stage({ session, view }: { session: Session; view: Viewport }) {
    const canvas = React.useRef<HTMLCanvasElement>(null);
    React.useEffect(() => {
        const painter = new Painter(canvas.current!, session, view);
        const input = new PointerInput(canvas.current!, session, view, painter);
        return () => {
            input.close();
            painter.close();
        };
    }, [session, view]);
    return <canvas ref={canvas} className="dp-canvas" data-testid="dp-canvas" />;
}
