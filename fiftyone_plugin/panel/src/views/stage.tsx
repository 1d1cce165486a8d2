// The canvas with the photo and its labels.

import type { ToolOverlay } from "../canvas/frame";
import { Painter } from "../canvas/painter";
import type { Viewport } from "../canvas/viewport";
import { PointerInput } from "../input/pointer_input";
import type { Session } from "../state/session";
import { TOOLS } from "../tools/tools";

export function Stage({ session, viewport }: { session: Session; viewport: Viewport }) {
    const canvas = React.useRef<HTMLCanvasElement>(null);
    React.useEffect(() => {
        const tool: ToolOverlay = {
            get cursor() {
                return TOOLS[session.tool].cursor;
            },
            draw: (context, pixel) => TOOLS[session.tool].draw?.(session, context, pixel),
        };
        const painter = new Painter(canvas.current!, session, viewport, tool);
        const input = new PointerInput(canvas.current!, session, viewport, painter);
        return () => {
            input.close();
            painter.close();
        };
    }, [session, viewport]);
    return <canvas ref={canvas} className="dp-canvas" data-testid="dp-canvas" />;
}
