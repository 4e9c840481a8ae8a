/** Values of variables: the environment over the `.env` file. */
export type Variables = Readonly<Record<string, string | undefined>>;

export interface Interpolated {
  readonly text: string;
  /** Variables that are not set and have no default: they became empty. */
  readonly unset: readonly string[];
  /** The first `${V:?message}` that failed, or a malformed expression. */
  readonly error?: string;
}

const pattern =
  /\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])((?:[^{}]|\{[^}]*\})*))?\}|(\{[^}]*\}?))/g;

/** Compose's interpolation: `$V`, `${V}`, `${V:-default}`, `${V-default}`, `${V:?error}`, `${V:+other}`, `$$`. */
export function interpolate(source: string, variables: Variables): Interpolated {
  const unset: string[] = [];
  let error: string | undefined;
  const text = source.replaceAll(pattern, (whole: string, ...groups: (string | undefined)[]) => {
    const [dollar, plain, braced, operator, word = '', bad] = groups;
    if (dollar !== undefined) return '$';
    if (bad !== undefined) {
      error ??= `"${whole}" is not a variable; write \${NAME}, or $$ for a dollar sign`;
      return whole;
    }
    const name = plain ?? braced ?? '';
    const value = variables[name];
    const present = operator?.startsWith(':') ? value !== undefined && value !== '' : value !== undefined;
    switch (operator?.at(-1)) {
      case '-':
        return present ? (value ?? '') : interpolate(word, variables).text;
      case '+':
        return present ? interpolate(word, variables).text : '';
      case '?':
        if (!present) error ??= `variable ${name} is not set${word === '' ? '' : `: ${word}`}`;
        return value ?? '';
      case undefined:
      default:
        if (value === undefined) unset.push(name);
        return value ?? '';
    }
  });
  return { text, unset, ...(error !== undefined && { error }) };
}

/** A `.env` file: `NAME=value` lines, `#` comments, quotes around values. */
export function parseEnvFile(text: string): Readonly<Record<string, string>> {
  const entries = text.split('\n').flatMap((line): [string, string][] => {
    const match = /^\s*(?:export\s+)?([A-Za-z_][\w.]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (!match?.[1]) return [];
    const value = match[2] ?? '';
    const quoted = /^(["'])(.*)\1$/.exec(value);
    return [[match[1], quoted ? (quoted[2] ?? '') : value.replace(/\s+#.*$/, '')]];
  });
  return Object.fromEntries(entries);
}
