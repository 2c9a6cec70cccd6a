import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

test.each(['read', 'unread'])('a process whose log is %s ends when it is told to', async (log) => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'children/last-words.ts')], {
    env: { PATH: process.env['PATH'] ?? '' },
  })
  try {
    await once(child.stderr, 'data')
    let said = ''
    if (log === 'unread') child.stdout.destroy()
    else child.stdout.on('data', (chunk) => (said += String(chunk)))
    const ended = once(child, 'close')
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
    const events = said.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).event]))
    expect(events).toEqual(log === 'read' ? ['stopping', 'first', 'second', 'third'] : [])
  } finally {
    child.kill('SIGKILL')
  }
})
