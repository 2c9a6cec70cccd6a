import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openRpc } from './openrpc.ts'

/** `npm run openrpc`: writes sigpair/openrpc.json. */
writeFileSync(join(import.meta.dirname, '../../../openrpc.json'), `${JSON.stringify(openRpc(), null, 2)}\n`)
