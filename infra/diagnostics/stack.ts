import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { lastWarnings } from '@tandem/service'
import { parseOptions } from '../local/src/options.ts'
import { planServices, type ServicePlan } from '../local/src/stack/services.ts'

const ROOT = resolve(import.meta.dirname, '../..')

/** A KMS that is away keeps a check waiting for some seconds. */
const LOOK_MS = 30_000
const HEALTH_MS = 3_000

/** Of a log, its end. */
const LOG_BYTES = 1024 * 1024

/** A config needs to be told of an issuer and a node; a diagnosis says only that it was. */
const NOBODY = {
  issuer: { issuer: 'http://127.0.0.1', audience: 'tandem', jwksUrl: 'http://127.0.0.1/jwks', algorithms: ['ES256'] },
  chain: { chainId: 31_337, rpcUrl: 'http://127.0.0.1:8545' },
}

/**
 * The stack of `npm start`, service by service, as it is configured by `env`.
 *
 * @param directory where it keeps its data
 * @throws {Error} if there is none
 */
export async function diagnoseStack(directory: string, env: NodeJS.ProcessEnv): Promise<object> {
  if (!existsSync(join(directory, 'functions.jwk'))) throw new Error(`${directory}: no stack was ever started here`)
  const { ports, host, storage } = parseOptions(['--directory', directory], env)
  const storing =
    storage.engine === 'sqlite'
      ? storage
      : { ...storage, emulatorHost: storage.emulatorHost ?? `127.0.0.1:${ports.firestore}` }
  const plans = await planServices({ ports, host, directory, storage: storing, ...NOBODY })
  const services = []
  for (const plan of plans) services.push(await look(plan, join(directory, 'logs', `${plan.name}.log`)))
  return { tandem: await versionOf(), at: new Date().toISOString(), services }
}

async function look(plan: ServicePlan, logFile: string): Promise<object> {
  const { name, env } = plan
  const [diagnosis, running, warnings] = await Promise.all([
    diagnosisOf(plan),
    ready(`http://${env['HOST']}:${env['PORT']}/health/ready`),
    endOf(logFile).then(lastWarnings, () => []),
  ])
  return { name, running, diagnosis, warnings }
}

/** In a process of its own, which sees the environment of the service and nothing else. */
async function diagnosisOf({ name, env }: ServicePlan): Promise<unknown> {
  const { PATH = '' } = process.env
  const program = join(ROOT, name, 'src/diagnose.ts')
  const { NODE_OPTIONS: _, ...own } = env
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [program], {
      env: { PATH, ...own },
      timeout: LOOK_MS,
    })
    return JSON.parse(stdout)
  } catch {
    // what it said on its way out was not written to be sent to anybody
    return { notOpened: { error: 'NO_ANSWER' } }
  }
}

async function ready(url: string): Promise<string> {
  try {
    const { status } = await fetch(url, { signal: AbortSignal.timeout(HEALTH_MS) })
    return status === 200 ? 'ready' : `not ready (${status})`
  } catch {
    return 'not running'
  }
}

async function endOf(file: string): Promise<string> {
  const handle = await open(file)
  try {
    const { size } = await handle.stat()
    const length = Math.min(size, LOG_BYTES)
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.toString()
  } finally {
    await handle.close()
  }
}

async function versionOf(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { readonly version: string }
  return version
}
