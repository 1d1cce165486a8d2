// The field for a person's comment, which is saved when it loses the focus.

export const COMMENT_FIELD = "[data-testid=dp-comment]";

/** The field in which a comment is being written, null if none is. */
export const focusedCommentField = () => document.querySelector<HTMLElement>(`${COMMENT_FIELD}:focus`);
