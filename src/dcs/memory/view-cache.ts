import { deepEqualByText } from '../../base/python-values.js';
import { parseMemberData } from '../../cluster/member.js';
import { type ClusterView, EMPTY_VIEW, type Member, parseClusterView } from '../../cluster/view.js';
import type { MemoryStore, StoreEntry } from './store.js';

/**
 * Views of one store, parsed once for all who read the same revision, and each value once: a simulator reads far more
 * often than anything changes. The views are immutable, so that sharing them tells nobody anything.
 */
export class ViewCache {
  readonly #store: MemoryStore;
  readonly #path: string;
  readonly #pieces = new WeakMap<StoreEntry, ClusterView>();
  #revision = -1;
  #view: ClusterView = EMPTY_VIEW;

  private constructor(store: MemoryStore, path: string) {
    this.#store = store;
    this.#path = path;
  }

  static of(store: MemoryStore, path: string): ViewCache {
    const known = CACHES.get(store)?.get(path);
    if (known !== undefined) return known;
    const cache = new ViewCache(store, path);
    CACHES.set(store, (CACHES.get(store) ?? new Map<string, ViewCache>()).set(path, cache));
    return cache;
  }

  view(): ClusterView {
    const revision = this.#store.revision;
    if (revision !== this.#revision) {
      this.#revision = revision;
      this.#view = this.#assemble();
    }
    return this.#view;
  }

  /** What each key says by itself, put together; only the leader refers to another key. */
  #assemble(): ClusterView {
    const byKey = new Map<string, ClusterView>();
    const members: ClusterView['members'][number][] = [];
    for (const [key, entry] of this.#store.list(this.#path)) {
      const piece = this.#piece(key, entry);
      if (piece.members.length > 0) members.push(...piece.members);
      else byKey.set(key, piece);
    }
    const of = (key: string): ClusterView => byKey.get(key) ?? EMPTY_VIEW;
    const { leader } = of('leader');
    return {
      initialize: of('initialize').initialize,
      config: of('config').config,
      leader: leader && { ...leader, member: members.find(({ name }) => name === leader.name) ?? leader.member },
      status: (byKey.get('status') ?? of('optime/leader')).status,
      members,
      failover: of('failover').failover,
      sync: of('sync').sync,
      history: of('history').history,
      reservedTimeline: of('timeline').reservedTimeline,
      failsafe: of('failsafe').failsafe,
    };
  }

  #piece(key: string, entry: StoreEntry): ClusterView {
    let piece = this.#pieces.get(entry);
    if (piece === undefined) {
      const session = entry.lease === undefined ? {} : { session: entry.lease };
      piece = parseClusterView([{ key, value: entry.value, version: String(entry.version), ...session }]);
      this.#pieces.set(entry, piece);
      for (const member of piece.members) TEXTS.set(member, entry.value);
    }
    return piece;
  }
}

/** Whether `value` says of a member what is known; equal texts are not read to find that out. */
export function isSameMember(known: Member, value: string): boolean {
  const text = TEXTS.get(known);
  return text === undefined ? deepEqualByText(known.data, parseMemberData(value)) : text === value;
}

/** From what the members of the views were read. */
const TEXTS = new WeakMap<Member, string>();
const CACHES = new WeakMap<MemoryStore, Map<string, ViewCache>>();
