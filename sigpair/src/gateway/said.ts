import { canonicalJson } from '@tandem/wire'
import type { z } from 'zod'
import type { Word } from './member-call.ts'

/** What one member answered, as it must be: the gateway computes with nothing it has not read. */
export type Said<T> = { readonly index: number; readonly answer: T }

/** The answers of those who did it and said it in the documented form. Ascending. */
export function read<T>(schema: z.ZodType<T>, words: readonly Word[]): readonly Said<T>[] {
  return words.flatMap((word) => {
    if (word.said !== 'done') return []
    const { data } = schema.safeParse(word.body)
    return data === undefined ? [] : [{ index: word.index, answer: data }]
  })
}

/** The largest set that is the same under `same`; of two as large, the one with the lowest member. Ascending. */
export function mostOf<T>(all: readonly Said<T>[], same: (answer: T) => unknown): readonly Said<T>[] {
  const groups = new Map<string, Said<T>[]>()
  for (const one of all) {
    const text = canonicalJson(same(one.answer))
    groups.set(text, [...(groups.get(text) ?? []), one])
  }
  // sort is stable, and a map remembers who came first
  const [most = []] = [...groups.values()].toSorted((a, b) => b.length - a.length)
  return most
}
