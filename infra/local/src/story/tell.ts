/** The voice of `npm start`: one line per thing that happened, a live line for what is happening. */
export type Teller = {
  /** a heading */
  readonly chapter: (title: string) => void
  /** runs `act`, shows that it runs, then what came of it and how long it took */
  readonly step: <T>(
    what: string,
    act: (progress: (detail: string) => void) => Promise<T>,
    came?: (result: T) => string,
  ) => Promise<T>
  readonly say: (line: string) => void
}

const CLEAR = '\r\x1b[2K'

export function createTeller(out: NodeJS.WriteStream): Teller {
  const live = out.isTTY ? (text: string) => out.write(`${CLEAR}  … ${text}`) : () => true
  const say = (line: string) => {
    out.write(`${out.isTTY ? CLEAR : ''}${line}\n`)
  }
  return {
    say,
    chapter: (title) => {
      say(`\n${bold(out, title)}`)
    },
    step: async (what, act, came) => {
      live(what)
      const begun = performance.now()
      const progress = (detail: string) => {
        live(`${what}: ${detail}`)
      }
      try {
        const result = await act(progress)
        const tail = came === undefined ? '' : `  ${came(result)}`
        say(`  ✓ ${what.padEnd(44)} ${millis(performance.now() - begun).padStart(8)}${tail}`)
        return result
      } catch (error) {
        say(`  ✗ ${what}`)
        throw error
      }
    },
  }
}

export function millis(ms: number): string {
  return ms >= 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map(
      (row) =>
        `  ${row
          .map((cell, column) => cell.padEnd(widths[column]!))
          .join('  ')
          .trimEnd()}`,
    )
    .join('\n')
}

function bold(out: NodeJS.WriteStream, text: string): string {
  return out.isTTY ? `\x1b[1m${text}\x1b[0m` : text
}
