/** Words of the options that every command takes. */
export const formats = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export const progressKinds = ['auto', 'tty', 'plain', 'json', 'quiet'] as const;
export type ProgressKind = (typeof progressKinds)[number];
