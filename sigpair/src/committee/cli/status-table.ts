import type { CommitteeStatus } from '@tandem/wire'

/**
 * What an operator wants to know: for every running session which node it waits for, in which round, since when; then the
 * peers, the keys, and the latest checks that failed.
 *
 * @param now ms since 1970
 */
export function statusTable({ node, peers, keys, sessions, faults }: CommitteeStatus, now: number): string {
  const labels = new Map([[node, 'this node'], ...peers.map((peer) => [peer.node, peer.label] as const)])
  const nameOf = (name: string) => labels.get(name) ?? short(name)
  const list = (names: readonly string[]) => names.map(nameOf).join(', ')
  return [
    `node ${node}`,
    section(
      'sessions',
      ['SESSION', 'KEY', 'OPERATION', 'COORDINATOR', 'ROUND', 'WAITING FOR', 'SINCE'],
      sessions.map(({ sessionId, keyId, operation, coordinator, round, waitingFor, since }) => [
        short(sessionId),
        short(keyId),
        operation,
        nameOf(coordinator),
        round === 0 ? 'ready?' : String(round),
        list(waitingFor) || 'nobody',
        ago(now - since),
      ]),
    ),
    section(
      'peers',
      ['PEER', 'NODE', 'LINK', 'SINCE', 'HEARD'],
      peers.map(({ node: name, label, connected, since, heard }) => [
        label,
        short(name),
        connected ? 'connected' : 'DOWN',
        ago(now - since),
        heard === 0 ? 'never' : ago(now - heard),
      ]),
    ),
    section(
      'keys',
      ['KEY', 'STATUS', 'EPOCH', 'QUORUM', 'MEMBERS'],
      keys.map(({ keyId, status, epoch, threshold, members }) => [
        short(keyId),
        status,
        String(epoch),
        `${threshold} of ${members.length}`,
        list(members),
      ]),
    ),
    section(
      'faults',
      ['FAULT', 'KEY', 'OPERATION', 'ROUND', 'CULPRITS', 'SINCE'],
      faults.map(({ code, keyId, operation, round, culprits, at }) => [
        code,
        short(keyId),
        operation,
        String(round),
        list(culprits) || 'unknown',
        ago(now - at),
      ]),
    ),
  ].join('\n\n')
}

function section(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? `no ${title}` : columns([head, ...rows])
}

/** As wide as their widest cell. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  const line = (row: readonly string[]) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')
  return rows.map((row) => line(row).trimEnd()).join('\n')
}

function short(hex: string): string {
  return `${hex.slice(0, 10)}…`
}

function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`
}
