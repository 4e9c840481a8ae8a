import { searchDomains } from '@gantry/model/network';

/** Search domains that resolvers look at (glibc before 2.26 and musl). */
const maxSearch = 6;

/**
 * resolv.conf of a container that asks for nothing else: the node answers, names of the stack first, then the domains that
 * the host itself searches. A lost packet costs 2 s instead of 5.
 */
export function nodeResolvConf(stack: string, resolver: string, hostText: string): string {
  const [, searched = ''] = /^[ \t]*(?:search|domain)[ \t]+(.*)$/m.exec(hostText) ?? [];
  const search = [...searchDomains(stack), ...searched.split(/\s+/).filter(Boolean)].slice(0, maxSearch);
  return [`nameserver ${resolver}`, `search ${search.join(' ')}`, 'options timeout:2 attempts:3', ''].join(
    '\n',
  );
}
