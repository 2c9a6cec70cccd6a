import { UsageError } from './errors.ts'

/** A secret that may be used once. It prints as `[secret]` and cannot be serialised or restored. */
export class Once<T> {
  #value: T | undefined

  constructor(value: T) {
    this.#value = value
  }

  /** @throws {UsageError} the second time: reuse of a nonce is loss of the key */
  take(): T {
    const value = this.#value
    if (value === undefined) throw new UsageError('one-time secret used twice') // check S16
    this.#value = undefined
    return value
  }

  /** Hands an unused secret to `erase` and forgets it: the end of a run that never came to use it. */
  discard(erase: (value: T) => void): void {
    if (this.#value !== undefined) erase(this.take())
  }

  toJSON(): string {
    return '[secret]'
  }

  toString(): string {
    return '[secret]'
  }
}
