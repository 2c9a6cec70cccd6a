import { readDuoNodeConfig, startDuoNode } from '@tandem/duo-node'
import { listen } from '@tandem/service'
import { createApi } from '../../../../functions/src/api.ts'
import { readFunctionsConfig } from '../../../../functions/src/config.ts'
import { readSigpairConfig } from '../../../../sigpair/src/config.ts'
import { readGatewayConfig } from '../../../../sigpair/src/gateway/config.ts'
import { startGateway } from '../../../../sigpair/src/gateway/start.ts'
import { readMemberConfig } from '../../../../sigpair/src/member/config.ts'
import { startMember } from '../../../../sigpair/src/member/start-member.ts'
import { startSigpair } from '../../../../sigpair/src/start.ts'
import type { ServiceName } from '../processes/programs.ts'
import { seeded } from '../seeded/seeded.ts'
import type { Service } from '../processes/service-process.ts'
import type { ServicePlan } from './services.ts'

type Running = { readonly close: () => Promise<void> }

type Start = (env: ServicePlan['env'], seed: string) => Promise<Running>

/** Each party has a stream of its own: what one draws does not move the others. */
const STARTS: Readonly<Record<ServiceName, Start>> = {
  sigpair: async (env, seed) => {
    // One thread: with more of them it would be chance which one draws what
    const config = readSigpairConfig({ ...env, THREADS: '1' })
    const worker = { url: import.meta.resolve('../seeded/seeded-worker.ts'), data: `${seed}/sigpair/thread` }
    return startSigpair(config, { rng: seeded(`${seed}/sigpair`), worker })
  },
  'duo-node': async (env) => startDuoNode(readDuoNodeConfig(env)),
  functions: async (env, seed) => {
    const config = readFunctionsConfig(env)
    const api = createApi(config, seeded(`${seed}/functions`))
    const server = await listen(api, { name: 'functions', host: config.host, port: Number(env['PORT']) })
    return {
      close: async () => {
        server.cut()
        await server.close()
      },
    }
  },
}

/** A service inside this process, with the configuration that a process of its own would have. */
export function inProcess({ name, env }: ServicePlan, seed: string): Service {
  return serviceHere(name, async () => STARTS[name]({ ...env, LOG_LEVEL: 'error' }, seed))
}

/** A member of a committee, or its gateway, inside this process: for tests, which have no time to start four. */
export function inPlaceHere({ args, env }: ServicePlan): Service {
  const quiet = { LOG_LEVEL: 'silent', THREADS: '1', ...env }
  if (args.at(-1) === 'gateway') return serviceHere('gateway', async () => startGateway(readGatewayConfig(quiet)))
  return serviceHere('member', async () => startMember(readMemberConfig(quiet)))
}

function serviceHere(name: string, begin: () => Promise<Running>): Service {
  let running: Running | undefined
  const stop = async () => {
    await running?.close()
    running = undefined
  }
  const start = async () => {
    running = await begin()
  }
  return { name, pid: () => process.pid, ended: () => undefined, start, kill: stop, stop }
}
