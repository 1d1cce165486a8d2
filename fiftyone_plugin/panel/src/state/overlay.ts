// How labels are shown over the photo.

export const FILLS = ["mask", "parts", "charts", "texture", "u", "v", "none"] as const;
export type Fill = (typeof FILLS)[number];

export interface OverlaySettings {
    fill: Fill;
    /** Whether lines of equal U and V are drawn. */
    contours: boolean;
}
