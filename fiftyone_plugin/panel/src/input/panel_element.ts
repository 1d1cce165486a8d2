// The panel's root element, from an element inside it: the panels of the grid and of the modal may both be there.

const panelOf = (inside: Element) => inside.closest<HTMLElement>(".dp-review");

export const findInPanel = (inside: Element, selector: string) => panelOf(inside)?.querySelector<HTMLElement>(selector);

/** Focus an element once it is rendered. */
export function focusSoon(inside: Element, selector: string) {
    const panel = panelOf(inside);
    setTimeout(() => panel?.querySelector<HTMLElement>(selector)?.focus());
}

/** Give the focus, and so the keys, back to the panel before the element that has it goes away. */
export const focusPanel = (inside: Element | null) => inside && panelOf(inside)?.focus();
