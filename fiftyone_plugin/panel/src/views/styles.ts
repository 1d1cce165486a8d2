// The panel's styles, close to the App's dark theme.

export const STYLES = `
.dp-review { position: relative; width: 100%; height: 100%; container-type: size; display: flex; flex-direction: column; overflow: hidden; outline: none;
    background: #16181a; color: #e4e6e8; font: 13px/1.4 "Palanquin", system-ui, sans-serif; }
/* Over the App, below what it asks (operators' forms). */
.dp-review.dp-full { position: fixed; inset: 0; z-index: 1000; }
.dp-review * { box-sizing: border-box; }
/* One row of a panel on all of a laptop's screen. */
.dp-toolbar { display: flex; flex-wrap: wrap; gap: 6px 8px; padding: 6px 8px; background: #212427; align-items: center; }
.dp-toolbar .dp-button { padding: 3px 5px; } .dp-review .dp-toolbar input[type=range] { width: 48px; } .dp-toolbar > select { width: 90px; }
.dp-group, .dp-row { display: flex; flex-wrap: wrap; gap: 4px; align-items: center; }
.dp-person > .dp-row { flex-wrap: nowrap; } .dp-person > .dp-row > .dp-dim { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.dp-end { margin-left: auto; order: 1; }
.dp-columns { flex: 1; position: relative; display: flex; min-height: 0; }
.dp-column { display: flex; flex-direction: column; gap: 8px; padding: 8px; background: #1c1f22; overflow: hidden; }
/* Three fifths of the panel, and more, are the photo's. */
.dp-left { width: clamp(150px, 17cqw, 230px); } .dp-right { width: clamp(230px, 22cqw, 290px); }
/* A narrow panel is all canvas and people; its queue comes when asked for. */
.dp-for-narrow { display: none; }
@container (max-width: 1000px) { .dp-for-narrow { display: block; } .dp-end { order: 0; } .dp-left:not(.dp-wanted) { display: none; }
    .dp-left.dp-wanted { position: absolute; z-index: 2; bottom: 0; top: 0; width: 230px; box-shadow: 4px 0 12px #0008; } }
@container (max-width: 575px) { .dp-right { width: 40cqw; } }
.dp-middle { flex: 1; min-width: 0; display: flex; flex-direction: column; }
/* Of one height with every tool, and not over the photo: what lies there would be out of reach. */
.dp-strip { display: flex; gap: 10px; align-items: center; height: 34px; padding: 0 8px; background: #1c1f22; overflow: hidden; white-space: nowrap; }
.dp-strip > span { overflow: hidden; text-overflow: ellipsis; font-size: 12px; } .dp-next { color: #ffea00; }
.dp-photo { flex: 1; position: relative; overflow: hidden; }
.dp-canvas { position: absolute; inset: 0; width: 100%; height: 100%; touch-action: none; display: block; }
.dp-button { background: #2c3034; color: inherit; border: 1px solid #3a3f44; border-radius: 4px; padding: 3px 8px;
    font: inherit; cursor: pointer; white-space: nowrap; }
.dp-button:hover:not(:disabled, .dp-on) { background: #383d42; } .dp-button:disabled { opacity: .4; cursor: default; }
.dp-button.dp-on { background: #ff6d04; border-color: #ff6d04; color: #16181a; }
.dp-review select, .dp-input { background: #2c3034; color: inherit; border: 1px solid #3a3f44; border-radius: 4px;
    padding: 3px 6px; font: inherit; max-width: 100%; }
.dp-input { width: 100%; } .dp-review input[type=range] { width: 90px; accent-color: #ff6d04; }
.dp-dim { color: #9aa0a6; font-size: 12px; }
.dp-bar { height: 5px; border-radius: 3px; background: #34393e; overflow: hidden; flex: 1; min-width: 30px; }
.dp-bar > div { height: 100%; background: #4cae6d; } .dp-issue > div { background: #ff8f3d; } .dp-confidence > div { background: #5b8def; }
.dp-progress { display: flex; flex-direction: column; gap: 4px; } .dp-progress .dp-bar { flex: none; }
.dp-histogram { display: flex; align-items: flex-end; gap: 1px; height: 34px; }
.dp-histogram > div { flex: 1; background: #5f676e; min-height: 1px; }
.dp-chips { display: flex; flex-wrap: wrap; gap: 4px; }
.dp-chip { background: none; border: 1px solid #3a3f44; border-radius: 10px; color: inherit; font: inherit; font-size: 12px;
    padding: 0 8px; cursor: pointer; } .dp-chip.dp-on { background: #3a3f44; border-color: #ff6d04; }
.dp-list, .dp-people { flex: 1; overflow-y: auto; min-height: 60px; display: flex; flex-direction: column; gap: 3px; }
.dp-item { display: grid; grid-template-columns: 1fr auto; gap: 2px 6px; text-align: left; background: #24282b; color: inherit;
    border: 1px solid transparent; border-radius: 4px; padding: 4px 7px; font: inherit; cursor: pointer; position: absolute; left: 0; right: 0; height: 41px; }
.dp-item .dp-bar { grid-column: 1 / 3; } .dp-item.dp-on, .dp-person.dp-on { border-color: #ff6d04; }
/* Written from the right, so that what has no room is the beginning. */
.dp-file { direction: rtl; text-align: left; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: pre; }
.dp-person { background: #24282b; border: 1px solid transparent; border-radius: 4px; padding: 5px 7px; cursor: pointer; flex: none; }
.dp-possible { border: 1px dashed #5f676e; } .dp-possible .dp-dot { background: #e4e6e8; }
.dp-dot { min-width: 20px; height: 20px; border-radius: 10px; color: #16181a; font-weight: 700; font-size: 12px;
    display: inline-flex; align-items: center; justify-content: center; }
.dp-state { font-weight: 600; } .dp-state.dp-approved, .dp-chip.dp-approved { color: #63c587; }
.dp-state.dp-rejected, .dp-chip.dp-rejected { color: #ff7a7a; } .dp-state.dp-edited, .dp-chip.dp-edited { color: #6fb0ff; }
.dp-button.dp-approved { background: #24633b; border-color: #2f7d4b; } .dp-button.dp-rejected { background: #6d2a2a; border-color: #8d3838; }
.dp-details { display: flex; flex-direction: column; gap: 5px; padding-top: 6px; } .dp-details .dp-button { padding: 3px 6px; }
.dp-score-bar { display: grid; grid-template-columns: 1fr 60px 30px; gap: 6px; align-items: center; font-size: 12px; }
.dp-quality { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 2px 8px; }
.dp-quality .dp-score-bar { grid-template-columns: 54px minmax(0, 1fr) 26px; gap: 3px; font-size: 11px; color: #b4b9be; } .dp-quality .dp-bar { min-width: 0; }
@container (max-width: 1000px) { .dp-quality { grid-template-columns: 1fr; } }
.dp-settings { flex: none; flex-wrap: nowrap; }
/* One of several. */
.dp-choice { display: flex; } .dp-choice > .dp-button:not(:first-child) { border-radius: 0 4px 4px 0; margin-left: -1px; } .dp-choice > .dp-button:first-child { border-radius: 4px 0 0 4px; }
.dp-settings .dp-dim { min-width: 4em; }
/* The brush's size is seen at the pointer, too. */
@container (max-width: 1000px) { .dp-settings select { width: 100px; } .dp-settings .dp-dim { display: none; } .dp-review .dp-settings input { width: 50px; } }
.dp-toolbar kbd { font: 11px monospace; opacity: .55; margin-left: 2px; }
.dp-number { text-align: right; font-variant-numeric: tabular-nums; }
.dp-right .dp-people { flex: 1 0 45%; } .dp-body { display: flex; flex-direction: column; gap: 5px; flex: 0 1 auto; min-height: 0; overflow-y: auto; }
.dp-body > * { flex: none; } .dp-asked { outline: 2px solid #ffea00; }
.dp-drawing-place { aspect-ratio: 732 / 480; } .dp-drawing { position: relative; overflow: hidden; border-radius: 4px; background: #101214; }
.dp-drawing canvas { display: block; width: 100%; cursor: crosshair; }
/* Where a click is to say a place on the body, each pixel counts. */
.dp-drawing.dp-asked { position: absolute; z-index: 2; }
/* The person's right and left, below the hands. */
.dp-view { position: absolute; top: 2px; width: 50%; padding: 0 6px; height: 62%; display: grid; grid: 1fr auto / 1fr auto; pointer-events: none; font-size: 11px; color: #9aa0a6; }
.dp-view strong { grid-column: 1 / 3; color: #e4e6e8; }
.dp-place { position: absolute; bottom: 1px; left: 0; right: 0; text-align: center; pointer-events: none; font-size: 12px; text-shadow: 0 0 3px #000; }
.dp-legend table { border-spacing: 4px 2px; width: 100%; font-size: 11px; } .dp-legend th { font-weight: 400; } .dp-legend td { line-height: 1; } .dp-legend summary { cursor: pointer; }
.dp-ramp { height: 8px; border-radius: 4px; } .dp-swatch { display: block; min-width: 24px; height: 12px; border-radius: 2px; }
.dp-striped { background-image: repeating-linear-gradient(135deg, transparent 0 5px, #000a 5px 7px); }
.dp-comparison { position: absolute; z-index: 1; background: #1c1f22f2; border: 1px solid #ffea00; border-radius: 6px; padding: 6px 8px; display: flex; flex-direction: column; gap: 6px; }
.dp-comparison > .dp-row { flex-wrap: nowrap; align-items: stretch; gap: 8px; } .dp-comparison figure { margin: 0; width: min(120px, 17cqw); }
.dp-comparison canvas { display: block; width: 100%; border-radius: 4px; } .dp-comparison figcaption { display: flex; flex-direction: column; font-size: 12px; }
.dp-part { display: inline-flex; align-items: center; gap: 4px; } .dp-body .dp-button { font-size: 12px; padding: 2px 6px; flex: 1; } .dp-right .dp-input { flex: none; }
.dp-banners { position: absolute; left: 0; right: 0; bottom: 12px; display: flex; flex-direction: column; gap: 6px; align-items: center;
    pointer-events: none; }
.dp-banner { background: #000c; padding: 5px 12px; border-radius: 6px; display: flex; gap: 8px; align-items: center; max-width: 92%;
    pointer-events: auto; }
.dp-disagreements { pointer-events: auto; background: #1c1f22f2; border: 1px solid #ffea00; border-radius: 6px; padding: 8px 10px; display: flex; flex-direction: column; gap: 6px; max-width: 92%; max-height: 70cqh; overflow: auto; }
.dp-sides { display: flex; gap: 8px; } .dp-sides figure { margin: 0; flex: 1; min-width: 0; text-align: center; }
.dp-sides canvas { display: block; margin: auto; max-width: 100%; max-height: 45cqh; border-radius: 4px; }
.dp-disagreements figcaption { display: flex; flex-direction: column; font-size: 12px; }
.dp-warning { background: #6b4a00; }
.dp-loading { position: absolute; inset: 0; display: flex; flex-direction: column; gap: 8px; align-items: center;
    justify-content: center; pointer-events: none; color: #c3c7cb; } .dp-loading .dp-button { pointer-events: auto; }
.dp-loading > .dp-bar { flex: none; width: min(260px, 80%); } .dp-loading > span { max-width: 90%; text-align: center; }
/* As wide as its longest word: the toolbar must not wrap anew, and move the photo, while somebody drags. */
.dp-saving { font-size: 12px; min-width: 7em; color: #63c587; } .dp-saving.dp-saving { color: #9aa0a6; } .dp-saving.dp-saved { color: #63c587; }
.dp-saving.dp-failing { color: #ff7a7a; font-weight: 600; }
.dp-dialog { display: flex; flex-direction: column; gap: 6px; background: #24282b; padding: 8px; border-radius: 4px; }
.dp-dialog label { display: flex; flex-direction: column; } .dp-review .dp-dialog input[type=range] { width: 100%; }
.dp-help { position: absolute; inset: 0; z-index: 3; background: #101214f2; overflow: auto; padding: 24px; }
.dp-help > div { columns: 340px; column-gap: 32px; } .dp-help table { table-layout: fixed; width: 100%; } .dp-help td:first-child { width: 124px; }
.dp-team { display: flex; flex-wrap: wrap; gap: 4px 10px; align-items: center; padding: 4px 8px; background: #212427; overflow-wrap: anywhere; }
.dp-team.dp-warning { background: #6b4a00; } .dp-team .dp-input { flex: 1; width: auto; min-width: 120px; } .dp-team-buttons { margin-left: auto; }
.dp-stage-review { color: #6fb0ff; } .dp-stage-done { color: #63c587; }
.dp-item:has(.dp-work) > .dp-bar { grid-column: 2 / 3; } .dp-work { grid-column: 3; max-width: 80px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
    font-size: 11px; line-height: 1; color: #ffb27d; text-align: right; }
.dp-name { position: absolute; left: 50%; top: 50%; transform: translate(-50%, -50%); z-index: 2; width: min(320px, 90%); display: flex; flex-direction: column;
    gap: 8px; padding: 16px; border-radius: 6px; background: #24282b; border: 1px solid #ff6d04; }
/* What changes something. */
.dp-read-only .dp-writes, .dp-read-only .dp-details > .dp-row, .dp-read-only .dp-people > .dp-button, .dp-read-only .dp-body > .dp-row { display: none; }
.dp-help section { break-inside: avoid; margin-bottom: 18px; } .dp-help h3 { margin: 0 0 6px; color: #ff8f3d; font-size: 14px; }
.dp-scores { position: absolute; inset: 0; background: #101214; overflow: auto; padding: 12px 16px; z-index: 3; }
.dp-scores table { border-collapse: collapse; width: 100%; margin-top: 8px; } .dp-scores td .dp-row { flex-wrap: nowrap; max-width: 220px; }
.dp-scores th { position: sticky; top: -12px; background: #16181a; padding: 4px; vertical-align: bottom; font-weight: 400; min-width: 76px; z-index: 1; }
.dp-scores th .dp-button { white-space: normal; font-size: 12px; line-height: 1.2; width: 100%; margin-bottom: 4px; }
.dp-scores td { padding: 2px 4px; white-space: nowrap; border-top: 1px solid #24282b; } .dp-scores td .dp-bar { display: inline-block; width: 34px; min-width: 0; margin-right: 5px; }
/* In a narrow panel scores go by, and whose they are stays. */
.dp-scores > .dp-row { position: sticky; left: 0; }
.dp-scores td:first-child, .dp-scores th:first-child { position: sticky; left: -16px; background: inherit; } .dp-scores thead th:first-child { z-index: 2; background: #16181a; } .dp-scores tbody tr { background: #101214; }
.dp-scores tbody tr { cursor: pointer; } .dp-scores tbody tr:hover, .dp-scores tr.dp-on { background: #2c3034; } .dp-wrong { color: #ffb27d; }
.dp-help td { padding: 2px 8px 2px 0; vertical-align: top; } .dp-help kbd, .dp-key { color: inherit; border: 0; background: #34393e; border-radius: 3px;
    padding: 1px 5px; margin-right: 4px; font: 12px monospace; white-space: nowrap; }
.dp-key { cursor: pointer; } .dp-key:hover { background: #4a5056; } .dp-key.dp-changed { background: #ff6d04; color: #16181a; }
`;
