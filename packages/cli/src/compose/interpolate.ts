/** Values of variables: the environment over the `.env` file. */
export type Variables = Readonly<Record<string, string | undefined>>;

export interface Interpolated {
  readonly text: string;
  /** Variables that are not set and have no default: they became empty. */
  readonly unset: readonly string[];
  /** The first `${V:?message}` that failed, or a malformed expression. */
  readonly error?: string;
}

/** Defaults within defaults, at most; more is an attack sooner than a wish. */
const maxDepth = 20;

/** Compose's interpolation: `$V`, `${V}`, `${V:-default}`, `${V-default}`, `${V:?error}`, `${V:+other}`, `$$`. */
export function interpolate(source: string, variables: Variables, depth = 0): Interpolated {
  if (!source.includes('$')) return { text: source, unset: [] };
  const unset: string[] = [];
  let error = depth > maxDepth ? 'defaults are nested too deeply' : undefined;
  let text = '';
  for (let at = 0; at < source.length && error === undefined;) {
    const dollar = source.indexOf('$', at);
    if (dollar < 0) return finish(text + source.slice(at), unset);
    text += source.slice(at, dollar);
    const piece = expressionAt(source, dollar, variables, depth);
    text += piece.text;
    unset.push(...piece.unset);
    error = piece.error;
    at = piece.end;
  }
  return finish(text, unset, error);
}

function finish(text: string, unset: readonly string[], error?: string): Interpolated {
  return { text, unset, ...(error !== undefined && { error }) };
}

interface Piece extends Interpolated {
  /** Where the source goes on. */
  readonly end: number;
}

function expressionAt(source: string, dollar: number, variables: Variables, depth: number): Piece {
  if (source[dollar + 1] === '$') return { text: '$', unset: [], end: dollar + 2 };
  const plain = /^[A-Za-z_]\w*/.exec(source.slice(dollar + 1, dollar + 257))?.[0];
  if (plain !== undefined)
    return { ...valueOf(plain, '', '', variables, depth), end: dollar + 1 + plain.length };
  if (source[dollar + 1] !== '{') return { text: '$', unset: [], end: dollar + 1 };
  const close = closingBrace(source, dollar + 1);
  const inside = source.slice(dollar + 2, close);
  const match = /^([A-Za-z_]\w*)(?:(:?[-?+])([\s\S]*))?$/.exec(inside);
  if (close < 0 || !match) {
    const whole = source.slice(dollar, close < 0 ? undefined : close + 1).slice(0, 40);
    const error = `"${whole}" is not a variable; write \${NAME}, or $$ for a dollar sign`;
    return { text: '', unset: [], error, end: source.length };
  }
  return { ...valueOf(match[1] ?? '', match[2] ?? '', match[3] ?? '', variables, depth), end: close + 1 };
}

/** Index of the brace that closes the one at `open`; -1 if none does. Only `${` opens another. */
function closingBrace(source: string, open: number): number {
  let depth = 1;
  for (let at = open + 1; at < source.length; at++) {
    if (source[at] === '{' && source[at - 1] === '$') depth++;
    else if (source[at] === '}' && --depth === 0) return at;
  }
  return -1;
}

function valueOf(
  name: string,
  operator: string,
  word: string,
  variables: Variables,
  depth: number,
): Interpolated {
  const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
  const present = value !== undefined && (value !== '' || !operator.startsWith(':'));
  if (operator === '') return { text: value ?? '', unset: value === undefined ? [name] : [] };
  if (operator.endsWith('+'))
    return present ? interpolate(word, variables, depth + 1) : { text: '', unset: [] };
  if (present) return { text: value, unset: [] };
  if (operator.endsWith('-')) return interpolate(word, variables, depth + 1);
  return { text: '', unset: [], error: `variable ${name} is not set${word === '' ? '' : `: ${word}`}` };
}
