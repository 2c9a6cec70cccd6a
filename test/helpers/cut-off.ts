import { defaultPlatform, type Platform } from '@tandem/client'

/** The network of a device that is cut off at one of its requests, before or after the backend has it, and from then on. */
export function cutOffAt(path: RegExp, when: 'before' | 'after'): Platform {
  const platform = defaultPlatform()
  let cut = false
  return {
    ...platform,
    // Nobody waits for an SDK that tries again for seconds.
    after: (ms, act) => platform.after(ms < 5_000 ? ms / 100 : ms, act),
    fetch: async (url, request) => {
      const here = path.test(url)
      if (here && when === 'after' && !cut)
        await platform.fetch(url, { ...request, signal: new AbortController().signal })
      cut ||= here
      if (cut) throw new TypeError('no network')
      return platform.fetch(url, request)
    },
  }
}
