/** By its number from 0, or by its name, such as `before write 3`; -1: never. */
export type Moment = number | string

/** A process that can be told at which moment to die: no handler runs, nothing is flushed, as when the power fails. */
export type Mortality = {
  /** Runs `act` with a moment before it and one after it; after a promise has settled. */
  readonly around: <T>(what: string, act: () => T) => T
  /** counts from here */
  readonly arm: (diesAt: Moment) => void
  /** names of all moments since then */
  readonly moments: () => readonly string[]
}

export function mortality(): Mortality {
  let diesAt: Moment | undefined
  const moments: string[] = []
  const times = new Map<string, number>()

  const at = (name: string) => {
    if (diesAt === undefined) return
    if (diesAt === moments.length || diesAt === name) process.kill(process.pid, 'SIGKILL')
    moments.push(name)
  }
  const around = <T>(what: string, act: () => T): T => {
    const nth = (times.get(what) ?? 0) + 1
    times.set(what, nth)
    at(`before ${what} ${nth}`)
    const result = act()
    if (!(result instanceof Promise)) {
      at(`after ${what} ${nth}`)
      return result
    }
    return result.finally(() => at(`after ${what} ${nth}`)) as T
  }
  const arm = (moment: Moment) => {
    diesAt = moment
    moments.length = 0
    times.clear()
  }
  return { around, arm, moments: () => moments }
}

/** Puts `between` around a method of an object, or of all objects of a class by its prototype. */
export function wrapMethod(
  target: object,
  name: string,
  between: (args: readonly unknown[], call: () => unknown) => unknown,
): void {
  const method = Reflect.get(target, name) as (...args: unknown[]) => unknown
  Reflect.set(target, name, function (this: object, ...args: unknown[]) {
    return between(args, () => Reflect.apply(method, this, args))
  })
}
