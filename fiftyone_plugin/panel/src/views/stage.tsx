// The canvas with the photo and its labels.

import type { ToolOverlay } from "../canvas/frame";
import { Painter } from "../canvas/painter";
import type { Viewport } from "../canvas/viewport";
import { PointerInput } from "../input/pointer_input";
import type { Session } from "../state/session";
import { TOOLS } from "../tools/tools";

export function Stage({ session, view }: { session: Session; view: Viewport }) {
    const canvas = React.useRef<HTMLCanvasElement>(null);
    React.useEffect(() => {
        const tool: ToolOverlay = {
            get cursor() {
                return TOOLS[session.tool].cursor;
            },
            draw: (context, pixel) => TOOLS[session.tool].draw?.(session, context, pixel),
        };
        const painter = new Painter(canvas.current!, session, view, tool);
        const input = new PointerInput(canvas.current!, session, view, painter);
        return () => {
            input.close();
            painter.close();
        };
    }, [session, view]);
    return <canvas ref={canvas} className="dp-canvas" data-testid="dp-canvas" />;
}
