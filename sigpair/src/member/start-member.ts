import type { Sigpair } from '../start.ts'
import type { MemberConfig } from './member-config.ts'

/**
 * Starts a Sigpair that holds share i of n beside a device. Import it when wanted: it loads libp2p.
 *
 * @throws {ConfigError} for an identity file that is none, or a committee that is none
 *
 * Source: docs/spec/gateway.md 1.1.
 */
export async function startMember(_config: MemberConfig): Promise<Sigpair> {
  return Promise.reject(new Error('not yet'))
}
