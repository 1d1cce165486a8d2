// What the panel "Labelling progress" adds to the styles.

export const PROGRESS_STYLES = `
.dp-report-body { flex: 1; overflow: auto; padding: 12px; display: flex; flex-direction: column; gap: 14px; }
.dp-date { background: #2c3034; color: inherit; border: 1px solid #3a3f44; border-radius: 4px; padding: 2px 6px; font: inherit; color-scheme: dark; }
.dp-problem { margin: 0; padding: 6px 10px; border-radius: 4px; background: #6b4a00; }
.dp-nothing { margin: auto; max-width: 420px; text-align: center; } .dp-nothing h3 { font-size: 16px; margin: 0 0 6px; } .dp-nothing p { margin: 0 0 12px; color: #c3c7cb; }
.dp-tiles { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)) minmax(0, 1.6fr); gap: 8px; }
.dp-tile { background: #212427; border-radius: 6px; padding: 10px 12px; min-width: 0; }
.dp-tile-value { font-size: 24px; font-weight: 600; line-height: 1.2; font-variant-numeric: tabular-nums; }
.dp-chart { background: #1c1f22; border-radius: 6px; padding: 10px 12px; }
.dp-chart > .dp-row { gap: 8px; margin-bottom: 8px; }
.dp-legend { display: flex; flex-wrap: wrap; gap: 2px 12px; margin-left: auto; font-size: 12px; }
.dp-legend i { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 3px; }
.dp-plot { display: flex; gap: 6px; }
.dp-axis { display: flex; flex-direction: column; justify-content: space-between; align-items: flex-end; width: 46px; height: 140px; flex: none; font-size: 11px; color: #9aa0a6; line-height: 1; }
.dp-bars { flex: 1; min-width: 0; display: flex; gap: 2px; }
.dp-day { flex: 1; max-width: 56px; min-width: 1px; white-space: nowrap; } .dp-day .dp-dim { display: block; height: 18px; width: 0; font-size: 11px; }
.dp-day:hover .dp-stack { background: #2c3034; } .dp-stack { display: flex; flex-direction: column-reverse; border-bottom: 1px solid #5f676e; }
.dp-tables { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 14px; align-items: start; }
.dp-tables section:first-child { grid-column: 1 / -1; }
.dp-tables section { min-width: 0; overflow-x: auto; }
.dp-tables table { border-collapse: collapse; width: 100%; }
.dp-tables th { font-weight: 400; color: #9aa0a6; font-size: 12px; padding: 4px 6px; white-space: nowrap; text-align: left; }
.dp-tables th:first-child { color: #e4e6e8; font-weight: 600; font-size: 13px; }
.dp-explained { text-decoration: underline dotted #9aa0a6; text-underline-offset: 3px; cursor: help; }
.dp-tables th.dp-number { text-align: right; white-space: normal; vertical-align: bottom; }
.dp-tables td { padding: 3px 6px; border-top: 1px solid #24282b; white-space: nowrap; }
.dp-tables td:first-child { width: 100%; max-width: 0; overflow: hidden; text-overflow: ellipsis; min-width: 110px; }
@container (max-width: 900px) { .dp-tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); } .dp-tiles > :last-child { grid-column: 1 / -1; } .dp-tables { grid-template-columns: minmax(0, 1fr); } }
`;
