import { compareText } from '../../base/python-values.js';
import { common, has, isProperPart, isSame, minus, type Names, NOBODY, names } from './names.js';

/**
 * The two numbers of quorum commit (ha.md §18.1). A commit is acknowledged by `number` of `standbys`
 * (`synchronous_standby_names`); who wants to lead needs `quorum` agreeing nodes of `voters` beside itself (`/sync`). Safe
 * while every set that can acknowledge meets every set that can elect.
 */
export interface QuorumState {
  readonly leader: string;
  readonly quorum: number;
  readonly voters: Names;
  readonly number: number;
  readonly standbys: Names;
}

export interface QuorumWish {
  readonly me: string;
  /** How many of the active standbys are proven to have everything. */
  readonly confirmed: number;
  readonly active: Names;
  /** `synchronous_node_count`. */
  readonly wanted: number;
}

export type QuorumTransition =
  | { readonly kind: 'quorum'; readonly leader: string; readonly quorum: number; readonly voters: Names }
  | { readonly kind: 'sync'; readonly number: number; readonly standbys: Names }
  /** Nothing can be done before a standby is confirmed: look again. */
  | { readonly kind: 'restart' };

/** The state is one that no sequence of transitions can lead to. */
export class QuorumBroken extends Error {
  override readonly name = 'QuorumBroken';
}

/** Ends the list: what would follow rests on what is not known yet. */
class Restart extends Error {}

/**
 * The transitions from a state to the wished one, in an order in which every state between is safe: what grows, grows
 * first in its own place; what shrinks, shrinks afterwards (ha.md §18.3). Pure.
 * @throws QuorumBroken when nothing may be done.
 */
export function quorumTransitions(state: QuorumState, wish: QuorumWish): readonly QuorumTransition[] {
  const resolver = new Resolver(state, wish);
  try {
    resolver.run();
  } catch (error) {
    if (!(error instanceof Restart)) throw error;
  }
  return collapsed(resolver.transitions);
}

/** Neighbours of one kind become the last of them. */
function collapsed(transitions: readonly QuorumTransition[]): readonly QuorumTransition[] {
  const kept = transitions.filter((each, at) => transitions[at + 1]?.kind !== each.kind);
  const end = kept.findIndex(({ kind }) => kind === 'restart');
  return end < 0 ? kept : kept.slice(0, end + 1);
}

class Resolver {
  readonly transitions: QuorumTransition[] = [];
  private leader: string;
  private quorum: number;
  private voters: Names;
  private number: number;
  private standbys: Names;
  private confirmed: number;
  private readonly wish: QuorumWish;

  constructor(state: QuorumState, wish: QuorumWish) {
    this.wish = wish;
    this.leader = state.leader;
    this.quorum = state.quorum;
    this.voters = state.voters;
    this.standbys = state.standbys;
    this.number = Math.min(state.number, state.standbys.length);
    this.confirmed = wish.confirmed;
  }

  run(): void {
    if (!this.takeOver()) return;
    this.assumeConfirmed();
    this.evenOut();
    this.rebalance();
    this.removeGone();
    this.addActive();
    this.adjustNumber();
  }

  /** Step 1. @returns false when the rest has to wait for standbys. */
  private takeOver(): boolean {
    const { me, active } = this.wish;
    try {
      if (me === this.leader || this.leader.toLowerCase() === me.toLowerCase()) {
        this.check();
        return true;
      }
      const voters = names(minus(this.voters, [me]), [this.leader]);
      if (this.standbys.length === 0) this.setSync(voters.length - this.quorum, voters);
      this.setQuorum(this.quorum, voters, { leader: me });
      return common(this.standbys, active).length > 0;
    } catch (error) {
      if (!(error instanceof QuorumBroken)) throw error;
      this.setQuorum(this.standbys.length - this.number, this.standbys);
      return true;
    }
  }

  /** Step 2. */
  private assumeConfirmed(): void {
    const present = common(this.standbys, this.wish.active).length;
    if (this.confirmed === 0 && present > 0) this.confirmed = Math.min(present, this.voters.length - this.quorum);
  }

  /** Step 3: what an interrupted change left differing becomes equal. */
  private evenOut(): void {
    const { active } = this.wish;
    if (isProperPart(this.standbys, this.voters)) {
      const gone = minus(this.voters, this.standbys, active);
      if (gone.length > 0) {
        const adjust = minus(this.standbys, active).length === 0;
        this.setQuorum(this.voters.length - gone.length - this.number, minus(this.voters, gone), { adjust });
      }
      const added = minus(common(this.voters, active), this.standbys);
      if (added.length > 0) this.setSync(this.number, names(this.standbys, added));
    } else if (isProperPart(this.voters, this.standbys)) {
      const dead = minus(this.standbys, active);
      const alive = minus(this.standbys, dead);
      if (dead.length > 0 && alive.length > 0 && (this.voters.length === 0 || common(alive, this.voters).length > 0))
        this.setSync(Math.min(this.number, this.standbys.length - dead.length), alive);
      const added = common(minus(this.standbys, this.voters), active);
      if (added.length > 0) {
        const voters = names(this.voters, added);
        this.setQuorum(voters.length - this.number, voters);
      }
      const rest = minus(this.standbys, this.voters);
      if (rest.length > 0) this.setSync(Math.min(this.number, this.standbys.length - rest.length), minus(this.standbys, rest));
    }
    if (!isSame(this.voters, this.standbys)) throw new QuorumBroken(`voters ${this.voters} and standbys ${this.standbys} differ`);
  }

  /** Step 4. */
  private rebalance(): void {
    const { wanted } = this.wish;
    const all = names(this.voters, this.standbys).length;
    const surplus = this.quorum + Math.min(this.number, this.confirmed) - all;
    if (surplus > 0) {
      if (this.number > wanted) this.setSync(Math.max(wanted, this.voters.length - this.quorum), this.standbys);
      else this.setQuorum(this.standbys.length - this.number, this.voters);
    } else if (this.number === wanted && this.quorum + this.number - all > 0 && this.number > this.confirmed) {
      this.setQuorum(this.standbys.length - this.number, this.voters);
    }
  }

  /** Step 5. */
  private removeGone(): void {
    const { active, wanted } = this.wish;
    let gone = minus(this.standbys, active);
    if (gone.length === 0) return;
    if (gone.length === this.standbys.length) {
      this.setQuorum(0, NOBODY, { adjust: false });
      this.setSync(0, NOBODY);
      return;
    }
    if (this.quorum > 0) {
      const first = [...gone].sort((a, b) => compareText(b, a)).slice(0, this.quorum);
      const standbys = minus(this.standbys, first);
      this.setSync(Math.min(Math.max(wanted, this.number), standbys.length), standbys);
      const voters = minus(this.voters, first);
      gone = common(gone, this.standbys);
      this.setQuorum(voters.length - this.number, voters, { adjust: gone.length === 0 });
    }
    if (gone.length === 0) return;
    const number = this.number - gone.length;
    const standbys = minus(this.standbys, gone);
    const voters = minus(this.voters, gone);
    const excess = number - Math.min(wanted, standbys.length);
    this.setQuorum(excess === 0 ? 0 : Math.min(excess, voters.length - 1), voters, { adjust: false });
    this.setSync(number, standbys);
  }

  /** Step 6. */
  private addActive(): void {
    const { active, wanted } = this.wish;
    let added = minus(active, this.standbys);
    if (added.length === 0) return;
    const most = Math.min(wanted, names(this.standbys, added).length);
    let more = most - this.number;
    if (more > 0) {
      const first = this.standbys.length > 0 ? [...added].sort(compareText).slice(0, more) : added;
      if (this.standbys.length > 0) more = first.length;
      this.setSync(this.number + more, names(this.standbys, first));
      const voters = names(this.voters, first);
      // By what is reached, not by what is wanted: one new standby can't raise the number by two.
      this.setQuorum(voters.length - this.number, voters);
      added = minus(added, this.standbys);
    }
    if (added.length === 0) return;
    const voters = names(this.voters, added);
    this.setQuorum(voters.length - most, voters, { adjust: most > this.confirmed });
    this.setSync(most, names(this.standbys, added));
  }

  /** Step 7. */
  private adjustNumber(): void {
    const { wanted } = this.wish;
    const difference = Math.min(wanted, this.standbys.length) - this.number;
    if (difference > 0) {
      this.setSync(this.number + difference, this.standbys);
      this.setQuorum(this.voters.length - this.number, this.voters);
    } else if (difference < 0) {
      const quorum = this.voters.length - this.number - difference;
      if (this.quorum - difference < this.voters.length) this.setQuorum(quorum, this.voters, { adjust: wanted > this.confirmed });
      this.setSync(this.number + difference, this.standbys);
    }
  }

  private setSync(number: number, standbys: Names): void {
    if (number < 0 || number > standbys.length) throw new QuorumBroken(`${number} of ${standbys.length} standbys`);
    this.number = number;
    this.standbys = standbys;
    this.check();
    this.transitions.push({ kind: 'sync', number, standbys });
  }

  private setQuorum(wantedQuorum: number, wantedVoters: Names, o: { readonly adjust?: boolean; readonly leader?: string } = {}): void {
    if (wantedQuorum < 0 || (wantedQuorum > 0 && wantedQuorum >= wantedVoters.length))
      throw new QuorumBroken(`a quorum of ${wantedQuorum} of ${wantedVoters.length} voters`);
    let [quorum, voters] = [wantedQuorum, wantedVoters];
    const leader = o.leader ?? this.leader;
    if (o.leader === undefined) {
      if (this.confirmed === 0 && this.voters.length === 0) [quorum, voters] = [0, NOBODY];
      else if (o.adjust !== false) quorum += Math.max(this.number - this.confirmed, 0);
    }
    if (leader === this.leader && quorum === this.quorum && isSame(voters, this.voters)) {
      if (this.voters.length > 0) return;
      this.transitions.push({ kind: 'restart' });
      throw new Restart();
    }
    this.leader = leader;
    this.quorum = quorum;
    this.voters = voters;
    this.check();
    this.transitions.push({ kind: 'quorum', leader, quorum, voters });
  }

  private check(): void {
    const { me } = this.wish;
    const all = names(this.voters, this.standbys, [this.leader], [me]).length;
    if (this.voters.length > 0 && all > this.quorum + this.number + 1)
      throw new QuorumBroken(`a quorum of ${this.quorum} and ${this.number} acknowledging standbys do not meet among ${all} nodes`);
    const [elect, acknowledge] = [names(this.voters, [this.leader]), names(this.standbys, [me])];
    if (!elect.every((name) => has(acknowledge, name)) && !acknowledge.every((name) => has(elect, name)))
      throw new QuorumBroken(`voters ${this.voters} and standbys ${this.standbys} are not part of each other`);
  }
}
