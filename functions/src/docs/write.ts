import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { apiRoutes } from '../routes.ts'
import { documentOf, documentedOperations } from '../routes/documents.ts'

/** `npm run openapi`: writes functions/openapi.json. Nothing is opened: only what the routes say of themselves is read. */
const served = apiRoutes(() => Promise.reject(new Error('nothing is served here')))
const text = JSON.stringify(await documentOf(documentedOperations(served)), null, 2)
writeFileSync(join(import.meta.dirname, '../../openapi.json'), `${text}\n`)
