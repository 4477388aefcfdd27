import { stringifyJson } from '../../base/json.js';
import { pythonText } from '../../base/python-values.js';
import { dumpYaml } from '../../config/yaml.js';
import { type BoxColumn, drawBox } from './box-table.js';

export const FORMATS = ['pretty', 'tsv', 'json', 'yaml', 'yml'] as const;
export type Format = (typeof FORMATS)[number];

/** Rows without cluster table rules, as `history` and `query` print them: all cells are kept. */
export interface PlainRows {
  readonly columns: readonly BoxColumn[];
  readonly rows: readonly (readonly unknown[])[];
}

/** The text for standard output, final line break included; empty for a format that does not exist. */
export function formatRows(
  table: PlainRows,
  format: string,
  options: { readonly delimiter?: string; readonly hasHeader?: boolean } = {},
): string {
  const objects = (): Record<string, unknown>[] =>
    table.rows.map((row) => Object.fromEntries(table.columns.map((column, i) => [column.title, row[i] ?? null])));
  switch (format) {
    case 'json':
      return `${stringifyJson(objects(), 'spaced')}\n`;
    case 'yaml':
    case 'yml':
      return `${dumpYaml(objects(), { lineWidth: 200 })}\n`;
    case 'tsv': {
      const lines = table.rows.map((row) => row.map(pythonText).join(options.delimiter ?? '\t'));
      if (options.hasHeader !== false) lines.unshift(table.columns.map((column) => column.title).join(options.delimiter ?? '\t'));
      return lines.map((line) => `${line}\n`).join('');
    }
    case 'pretty':
      return `${drawBox({ columns: table.columns, rows: table.rows.map((row) => row.map(pythonText)) })}\n`;
    default:
      return '';
  }
}

/** A mapping in YAML's flow style, on one line: `{clonefrom: true, zones: [a, b]}`. */
export function flowYaml(value: Readonly<Record<string, unknown>>): string {
  return dumpYaml(value, { lineWidth: -1, isFlow: true }).trimEnd();
}
