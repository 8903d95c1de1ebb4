/** A dashboard in the words of this folder; `render.ts` makes Grafana's JSON of it. */
export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly folder: FolderId;
  /** What it answers, for people. */
  readonly description: string;
  readonly from: string;
  readonly variables: readonly Variable[];
  readonly annotations: readonly Annotation[];
  readonly rows: readonly Row[];
}

export type FolderId = 'platform' | 'results';

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Panel {
  readonly title: string;
  /** What it shows, in plain words. */
  readonly description: string;
  readonly kind: 'lines' | 'bars' | 'number' | 'table' | 'states';
  /** Flux; one frame of data each. */
  readonly queries: readonly string[];
  /** Grafana's unit id. */
  readonly unit?: string;
  readonly decimals?: number;
  readonly min?: number;
  readonly max?: number;
  /** From which value on which colour; the first colour is of what lies below. */
  readonly thresholds?: Thresholds;
  /** Of 24 columns, and rows of 30 pixels. */
  readonly width?: number;
  readonly height?: number;
  /** Names of lines, of the labels that the query leaves: `${__field.labels.device}`. */
  readonly legend?: string;
  /** What stands for certain values. */
  readonly names?: Readonly<Record<string, { readonly text: string; readonly color: string }>>;
  /** By column of a table, or by what the name of a line matches when it begins with `/`. */
  readonly columns?: Readonly<Record<string, Column>>;
  /** One panel for each value of this variable. */
  readonly repeat?: string;
  readonly stacked?: boolean;
}

export interface Column {
  readonly unit?: string;
  readonly title?: string;
  readonly width?: number;
  /** Where a click leads: a dashboard, and columns that become its variables. */
  readonly link?: { readonly to: string; readonly variables: Readonly<Record<string, string>> };
}

export interface Thresholds {
  readonly base: string;
  readonly steps: readonly (readonly [value: number, color: string])[];
}

export interface Variable {
  readonly name: string;
  readonly label: string;
  readonly query: string;
  /** Several at once, or all. */
  readonly multi?: boolean;
}

export interface Annotation {
  readonly name: string;
  readonly color: string;
  /** Gives `_time`, and a text as `_value`. */
  readonly query: string;
}
