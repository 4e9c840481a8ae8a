import type { Process } from './world.ts';

/** Share of calls that take time, and the longest time they take, ms; the rest is done at once. */
const slowShare = 0.3;
const slowMs = 40;
const verySlowShare = 0.01;
const verySlowMs = 3_000;

type Method = (...args: unknown[]) => unknown;

/**
 * The same thing as one process sees it from outside: calls take time, and the process may die before a call has its
 * effect or before it hears of it. A dead process does nothing and hears nothing.
 */
export function slowly<T extends object>(process: Process, target: T, methods: readonly (keyof T)[]): T {
  const slow = new Set<unknown>(methods);
  return new Proxy(target, {
    get: (of, name) => {
      const value: unknown = Reflect.get(of, name);
      if (typeof value !== 'function') return value;
      const method = value.bind(of) as Method;
      return slow.has(name) ? (...args: unknown[]) => call(process, () => method(...args)) : method;
    },
  });
}

async function call(process: Process, work: () => unknown): Promise<unknown> {
  const dice = process.random();
  const ms =
    dice < verySlowShare ? process.random() * verySlowMs : dice < slowShare ? process.random() * slowMs : 0;
  if (!process.touch()) return never();
  if (ms > 0) await process.pause(Math.ceil(ms));
  if (!process.alive) return never();
  const result = await work();
  if (process.frozen) await process.awake();
  return process.touch() ? result : never();
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

/** The same thing with some of its methods replaced. */
export function overriding<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get: (of, name) => {
      const own: unknown = Reflect.get(methods, name);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(of, name);
      return typeof value === 'function' ? (value.bind(of) as unknown) : value;
    },
  });
}
