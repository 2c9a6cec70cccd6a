import { errorOfAnswer, issueServiceToken, noIdentity, parseJson } from '@tandem/service'
import { deadLettersResponse, type MaintenanceJob, maintenanceResponse, type MaintenanceResponse } from '@tandem/wire'
import type { z } from 'zod'
import { overHttp, type TransportOptions } from './duo-node-transport.ts'

/** What we ask of duo-node itself, in no user's name. All throw what it refuses with, and {NoAnswer}. */
export type DuoNodeAdmin = {
  readonly runJob: (job: MaintenanceJob) => Promise<MaintenanceResponse>
  readonly countDeadLetters: () => Promise<number>
}

/** It waits for Sigpair, which has eight seconds. */
const CALL_MS = 15_000

/** Over HTTP, whatever `DUO_NODE_URL` says: a scheduler comes seldom, and a connection is for those who come often. */
export function duoNodeAdmin({ url, key, identity = noIdentity, timeoutMs = CALL_MS }: TransportOptions): DuoNodeAdmin {
  const transport = overHttp({ url: url.replace(/^ws/, 'http'), identity, timeoutMs })
  const ask = async <T>(method: string, path: string, shape: z.ZodType<T>): Promise<T> => {
    const body = new Uint8Array()
    const from = { issuer: 'functions', subject: 'system', audience: ['duo-node'] }
    const token = await issueServiceToken(key, from, { method, path, body })
    const answer = await transport({ method, path, body, token })
    if (answer.status !== 200) throw errorOfAnswer(answer)
    return shape.parse(parseJson(answer.body))
  }
  return {
    runJob: (job) => ask('POST', `/admin/jobs/${job}`, maintenanceResponse),
    countDeadLetters: async () => (await ask('GET', '/admin/dead-letters', deadLettersResponse)).deadLetters.length,
  }
}
