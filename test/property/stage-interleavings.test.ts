import {
  abortStage,
  acknowledgeStage,
  beginStage,
  closeStage,
  commitStage,
  type DeviceKey,
  type EpochName,
  type Fate,
  fateOf,
  openStage,
  type ServerKey,
  storeStage,
} from '@tandem/ecdsa'

// Every order in which a refresh (or the first key generation) can reach the two ends: whatever was sent may arrive now,
// later, again or never. Not sampled: explored to the end. Source: docs/spec/refresh.md, section 3.

/** How many dialogues one history may hold. */
const DIALOGUES = 3

type Key<E extends EpochName = EpochName> = { readonly server: ServerKey<E>; readonly device: DeviceKey<E> }

type Dialogue = {
  readonly name: EpochName
  /** both ends started from partners; otherwise no round gets past the header */
  readonly fits: boolean
  /** each end finishes a dialogue at most once, as late as it likes */
  readonly finished: readonly ('server' | 'device')[]
}

type World = Key & {
  readonly dialogues: readonly Dialogue[]
  /** what has ever been sent; it stays on the network for ever */
  readonly sent: readonly string[]
}

/** The rules under test; a variant replaces some of them, or lets something else happen besides. */
type Rules = {
  readonly begin: typeof beginStage
  readonly store: typeof storeStage
  readonly commit: typeof commitStage
  readonly abort: typeof abortStage
  readonly fate: typeof fateOf
  readonly open: typeof openStage
  readonly close: typeof closeStage
  readonly besides: (world: World) => Moves
}

type Moves = Record<string, World>

const rules: Rules = {
  ...{ begin: beginStage, store: storeStage, commit: commitStage, abort: abortStage, fate: fateOf },
  ...{ open: openStage, close: closeStage, besides: () => ({}) },
}

const nameOf = (stage: number, epoch: number): EpochName => ({ stageId: new Uint8Array(32).fill(stage), epoch })
const numberOf = ({ stageId }: EpochName) => stageId[0]!
const same = (a: EpochName | null, b: EpochName | null) => (a && numberOf(a)) === (b && numberOf(b))
const tell = (world: World, ...words: readonly string[]): World => ({
  ...world,
  sent: [...new Set([...world.sent, ...words])].toSorted(),
})
const receipt = (fate: string, name: EpochName) =>
  fate === 'committed' || fate === 'aborted' ? [`${fate} ${numberOf(name)}`] : []

const NEW_KEY: World = {
  server: { current: null, begun: null, stage: null },
  device: { current: null, stage: null },
  dialogues: [],
  sent: [],
}
const EXISTING_KEY: World = {
  ...NEW_KEY,
  server: { current: nameOf(9, 0), begun: null, stage: null },
  device: { current: nameOf(9, 0), stage: null },
}

/** Everything that can happen next, by what it is called. */
function movesFrom(world: World, by: Rules): Moves {
  const moves: Moves = { ...by.besides(world) }
  const { server, device, dialogues, sent } = world
  if (!device.stage) moves['device asks for a dialogue'] = tell(world, 'begin')
  if (sent.includes('begin') && dialogues.length < DIALOGUES) {
    const name = nameOf(dialogues.length + 1, server.current ? server.current.epoch + 1 : 0)
    const dialogue = { name, fits: same(server.current, device.current), finished: [] }
    const { key } = by.begin(server, name.stageId)
    moves[`server begins ${numberOf(name)}`] = { ...world, server: key, dialogues: [...dialogues, dialogue] }
  }
  for (const dialogue of dialogues) {
    Object.assign(moves, finishes(world, dialogue, by), answers(world, dialogue.name, by))
  }
  return moves
}

/** An end has verified everything of a dialogue, and makes its stage durable. */
function finishes(world: World, { name, fits, finished }: Dialogue, by: Rules): Moves {
  const moves: Moves = {}
  if (!fits) return moves
  const after = (end: 'server' | 'device', change: Partial<World>) => ({
    ...world,
    dialogues: world.dialogues.map((d) => (same(d.name, name) ? { ...d, finished: [...finished, end].toSorted() } : d)),
    ...change,
  })
  if (!finished.includes('server')) {
    moves[`server stages ${numberOf(name)}`] = after('server', { server: by.store(world.server, name).key })
  }
  if (!finished.includes('device')) {
    const device = attempt(() => by.open(world.device, name))
    if (device) moves[`device stages ${numberOf(name)}`] = tell(after('device', { device }), `ack ${numberOf(name)}`)
  }
  return moves
}

/** What may arrive about a dialogue: at the server from anybody, at the device only what the server signed. */
function answers(world: World, name: EpochName, by: Rules): Moves {
  const { server, device, sent } = world
  const n = numberOf(name)
  const committed = by.commit(server, name, 'waived')
  const aborted = by.abort(server, name)
  const moves: Moves = {
    [`commit ${n} arrives`]: tell({ ...world, server: committed.key }, ...receipt(committed.answer, name)),
    [`abort ${n} arrives`]: tell({ ...world, server: aborted.key }, ...receipt(aborted.answer, name)),
    [`status ${n} is asked`]: tell(world, ...receipt(by.fate(server, name), name)),
  }
  if (sent.includes(`ack ${n}`)) {
    moves[`acknowledgement ${n} arrives`] = { ...world, server: acknowledgeStage(server, name).key }
  }
  for (const fate of ['committed', 'aborted'] as const) {
    if (!sent.includes(`${fate} ${n}`)) continue
    moves[`receipt ${fate} ${n} arrives`] = { ...world, device: by.close(device, name, fate).key }
  }
  return moves
}

/** What the server has in force has its partner on the device, and no two receipts contradict each other. */
function isLost({ server, device, sent }: World): boolean {
  const orphaned = server.current && !same(server.current, device.current) && !same(server.current, device.stage)
  return (
    Boolean(orphaned) || sent.some((word) => word.startsWith('committed') && sent.includes(`aborted${word.slice(9)}`))
  )
}

/** The network works again: the device asks, commits what can be committed and aborts the rest. */
function reconciled({ server, device }: Key, by: Rules): Key {
  const { stage } = device
  if (!stage) return { server, device }
  const close = (key: Key['server'], fate: Fate): Key => ({ server: key, device: by.close(device, stage, fate).key })
  const fate = by.fate(server, stage)
  if (fate !== 'staged') return close(server, fate)
  const commit = by.commit(server, stage, 'waived')
  if (commit.answer === 'committed') return close(commit.key, 'committed')
  const abort = by.abort(server, stage)
  return close(abort.key, abort.answer)
}

type Exploration = { readonly worlds: number; readonly story: readonly string[] | undefined }

/** Breadth first, so that the story of a loss is the shortest there is. */
function explore(start: World, by: Rules): Exploration {
  const known = new Map<string, { readonly from: string | undefined; readonly move: string }>()
  const queue: World[] = []
  const visit = (world: World, from: string | undefined, move: string) => {
    const id = identify(world)
    if (known.has(id)) return
    known.set(id, { from, move })
    queue.push(world)
  }
  visit(start, undefined, '')
  for (const world of queue) {
    const id = identify(world)
    const { server, device } = reconciled(world, by)
    const stuck = device.stage !== null || !same(server.current, device.current)
    if (isLost(world) || stuck) return { worlds: known.size, story: storyOf(known, id) }
    for (const [move, next] of Object.entries(movesFrom(world, by))) visit(next, id, move)
  }
  return { worlds: known.size, story: undefined }
}

function identify({ server, device, dialogues, sent }: World): string {
  const epoch = (e: EpochName | null) => (e ? numberOf(e) : '-')
  const stage = server.stage ? `${numberOf(server.stage.held)}${server.stage.acknowledged ? '+' : ''}` : '-'
  const ends = [epoch(server.current), server.begun?.[0] ?? '-', stage, epoch(device.current), epoch(device.stage)]
  return [...ends, ...dialogues.map((d) => `${d.name.epoch}${d.fits}${d.finished.join('')}`), ...sent].join()
}

function storyOf(known: ReadonlyMap<string, { from: string | undefined; move: string }>, end: string): string[] {
  const story: string[] = []
  for (let id: string | undefined = end; id !== undefined; id = known.get(id)!.from) story.unshift(known.get(id)!.move)
  return story.slice(1)
}

function attempt<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch {
    return undefined
  }
}

test.each([
  ['an existing key', EXISTING_KEY],
  ['a new key', NEW_KEY],
])(
  'L3 L9 L10 in every history of three dialogues over %s, there is one working pair, and a reunion finds it',
  (_, start) => {
    const { worlds, story } = explore(start, rules)
    expect(story).toBeUndefined()
    expect(worlds).toBeGreaterThan(1000)
  },
)

describe('rules that look harmless lose the key', () => {
  const acknowledged = (key: ServerKey<EpochName>) => ({
    ...key,
    stage: key.stage && { ...key.stage, acknowledged: true },
  })
  const begun = ['device asks for a dialogue', 'server begins 1']
  const variants: [string, Partial<Rules>, readonly string[]][] = [
    [
      'the device drops its stage when nobody answers',
      { besides: (world) => ({ 'device gives up': { ...world, device: { ...world.device, stage: null } } }) },
      [
        ...[...begun, 'server stages 1', 'device stages 1', 'device gives up'],
        ...['acknowledgement 1 arrives', 'commit 1 arrives'],
      ],
    ],
    [
      'the server commits without an acknowledgement',
      { commit: (key, name, confirmed) => commitStage(acknowledged(key) as typeof key, name, confirmed) },
      [...begun, 'server stages 1', 'commit 1 arrives'],
    ],
    [
      'the device erases the old share before a receipt',
      { open: (key, stage) => ({ current: openStage(key, stage).stage, stage: null }) },
      [...begun, 'device stages 1'],
    ],
    [
      'the device accepts a second stage while one is open',
      { open: (key, stage) => openStage({ ...key, stage: null }, stage) },
      [
        ...[...begun, 'server begins 2', 'server stages 2', 'device stages 2', 'device stages 1'],
        ...['acknowledgement 2 arrives', 'commit 2 arrives'],
      ],
    ],
    [
      'the server stores what it has aborted',
      { store: (key, held) => storeStage({ ...key, begun: held.stageId }, held) },
      [
        ...[...begun, 'device stages 1', 'abort 1 arrives', 'server stages 1'],
        ...['acknowledgement 1 arrives', 'commit 1 arrives'],
      ],
    ],
    [
      'the server calls aborted what it has not stored yet',
      { fate: (key, name) => fateOf({ ...key, begun: null }, name) },
      [
        ...[...begun, 'device stages 1', 'status 1 is asked', 'server stages 1'],
        ...['acknowledgement 1 arrives', 'commit 1 arrives'],
      ],
    ],
    [
      'the device believes a receipt of another stage',
      { close: (key, name, fate) => closeStage(key, key.stage ?? name, fate) },
      [
        ...[...begun, 'server begins 2', 'commit 1 arrives', 'server stages 2', 'device stages 2'],
        ...['receipt aborted 1 arrives', 'acknowledgement 2 arrives', 'commit 2 arrives'],
      ],
    ],
  ]

  test.each(variants)('%s', (_, change, story) => {
    expect(explore(EXISTING_KEY, { ...rules, ...change }).story).toEqual(story)
  })
})
