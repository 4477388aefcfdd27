import { displayWidth } from './display-width.js';

export interface BoxColumn {
  readonly title: string;
  readonly align: 'left' | 'right';
}

export interface BoxTable {
  readonly columns: readonly BoxColumn[];
  readonly rows: readonly (readonly string[])[];
  /** Stands in the top border. */
  readonly title?: string;
  /** Colours for the lines of a row; only where a person looks. */
  readonly paint?: (line: string, row: number) => string;
}

/** Draws a table (patronictl.md §5): one line a row, or several with lines between all rows when a cell has a line break. */
export function drawBox(table: BoxTable): string {
  const cells = table.rows.map((row) => row.map((cell) => cell.split('\n')));
  const widths = table.columns.map((column, i) =>
    Math.max(displayWidth(column.title), ...cells.flatMap((row) => (row[i] ?? []).map(displayWidth))),
  );
  const rule = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+`;
  const isTall = cells.some((row) => row.some((lines) => lines.length > 1));
  const draw = (texts: readonly string[]): string =>
    `|${texts.map((text, i) => ` ${pad(text, widths[i] ?? 0, table.columns[i]?.align ?? 'left')} `).join('|')}|`;

  const lines = [withTitle(rule, table.title), draw(table.columns.map((column) => column.title)), rule];
  cells.forEach((row, index) => {
    if (isTall && index > 0) lines.push(rule);
    const height = Math.max(1, ...row.map((cell) => cell.length));
    for (let n = 0; n < height; n++) {
      const line = draw(row.map((cell) => cell[n] ?? ''));
      lines.push(table.paint === undefined ? line : table.paint(line, index));
    }
  });
  lines.push(rule);
  return lines.join('\n');
}

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const fill = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'right' ? fill + text : text + fill;
}

function withTitle(rule: string, title: string | undefined): string {
  if (title === undefined) return rule;
  const shown = [...title].slice(0, rule.length - 2).join('');
  return `+${shown}${rule.slice(1 + displayWidth(shown))}`;
}
