/** Words of the options that every command takes. */
export const formats = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type Format = (typeof formats)[number];

export const progressKinds = ['auto', 'tty', 'plain', 'json', 'quiet'] as const;
export type ProgressKind = (typeof progressKinds)[number];

export const colourModes = ['auto', 'always', 'never'] as const;
export type ColourMode = (typeof colourModes)[number];

/** Options that every command takes, before or after its name; absent where nobody gave them. */
export interface GlobalOptions {
  readonly controller?: string;
  readonly context?: string;
  readonly output?: Format;
  readonly quiet?: boolean;
  readonly timeout?: string;
  readonly progress?: ProgressKind;
  readonly color?: ColourMode;
}
