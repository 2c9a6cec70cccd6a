/**
 * What hosts of the language have agreed on and a bare JavaScriptCore lacks, as far as the SDK and its libraries use it. The
 * bundle puts these in the place of the names and loads them before anything else; so this module imports nothing.
 */

class Signal {
  #listeners: (() => void)[] = []
  aborted = false

  /** there is one event, and it comes once */
  addEventListener(_abort: string, act: () => void): void {
    this.#listeners.push(act)
  }

  removeEventListener(_abort: string, act: () => void): void {
    this.#listeners = this.#listeners.filter((known) => known !== act)
  }

  abort(): void {
    const listeners = this.aborted ? [] : this.#listeners
    this.aborted = true
    for (const act of listeners) act()
  }
}

class Controller {
  readonly signal = new Signal()

  abort(): void {
    this.signal.abort()
  }
}

class Encoder {
  encode(text = ''): Uint8Array {
    const units = encodeURIComponent(text).match(/%..|./gs) ?? []
    return Uint8Array.from(units, (unit) => (unit.length > 1 ? Number.parseInt(unit.slice(1), 16) : unit.charCodeAt(0)))
  }
}

export { Controller as AbortController, Encoder as TextEncoder }
