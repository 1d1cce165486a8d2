// Styles of pictures, empty places, the tour and the note on error rates.

export const ONBOARDING_STYLES = `
.dp-item { grid-template-columns: 34px minmax(0, 1fr) auto; padding: 3px 7px 3px 3px; align-items: center; }
.dp-item > .dp-bar { grid-column: 2 / 4; }
.dp-thumbnail { grid-row: 1 / 3; width: 34px; height: 34px; border-radius: 3px; overflow: hidden; background: #1c1f22; color: #5f676e;
    display: flex; align-items: center; justify-content: center; } .dp-thumbnail img { width: 100%; height: 100%; display: block; }
.dp-toolbar .dp-button svg { display: inline-block; vertical-align: -2px; } .dp-tour .dp-dim { margin-left: auto; }
/* Where there is no room for all words, tools are drawings with their keys. */
@container (max-width: 1500px) { .dp-tool-name { display: none; } }
.dp-empty { display: flex; flex-direction: column; gap: 8px; align-items: center; justify-content: center; text-align: center; padding: 16px 10px;
    color: #c3c7cb; pointer-events: auto; } .dp-empty p { margin: 0; max-width: 46ch; color: #9aa0a6; } .dp-empty svg { color: #5f676e; }
.dp-empty .dp-row { justify-content: center; } .dp-review > .dp-empty { flex: 1; } .dp-column .dp-empty { padding: 8px 4px; font-size: 12px; }
.dp-empty kbd { background: #34393e; border-radius: 3px; padding: 1px 5px; font: 12px monospace; }
.dp-button.dp-primary { background: #ff6d04; border-color: #ff6d04; color: #16181a; } .dp-button.dp-primary:hover:not(:disabled, .dp-on) { background: #ff8f3d; }
.dp-note { display: flex; flex-direction: column; gap: 5px; font-size: 12px; border-left: 3px solid #ff8f3d; padding-left: 7px; }
.dp-note.dp-good { border-color: #4cae6d; } .dp-note .dp-button { white-space: normal; text-align: left; font-size: 12px; }
.dp-tour { position: absolute; z-index: 4; left: 50%; bottom: 16px; transform: translateX(-50%); width: min(440px, 94%); background: #2c3034;
    border: 1px solid #ff6d04; border-radius: 8px; padding: 12px 14px; box-shadow: 0 6px 24px #000a; display: flex; flex-direction: column; gap: 8px; }
.dp-tour-frame { position: absolute; z-index: 3; pointer-events: none; border: 2px solid #ff6d04; border-radius: 6px; box-shadow: 0 0 0 9999px #0006; }
`;
