import type { World } from '../world.js';

/** So many changes between the same two rules, in a world where nothing goes wrong, are a quarrel of two rules. */
const MOST_ALTERNATIONS = 8;

/** The rule of each cycle: it is never `none`, and in a healed world two rules do not alternate for ever. */
export class DecisionWatch {
  private readonly recent = new Map<string, string[]>();
  private readonly world: World;
  private isHealed = false;

  constructor(world: World) {
    this.world = world;
    world.decided.push((member, rule) => this.note(member, rule));
  }

  /** From now on nothing goes wrong any more. */
  healed(): void {
    this.isHealed = true;
    this.recent.clear();
  }

  private note(member: string, rule: string): void {
    if (rule === 'none') this.world.fail(`${member}: no rule matches`);
    if (!this.isHealed) return;
    const rules = this.recent.get(member) ?? [];
    this.recent.set(member, rules);
    if (rules.at(-1) === rule) return;
    rules.push(rule);
    const last = rules.slice(-2 * MOST_ALTERNATIONS);
    const isQuarrel = last.length === 2 * MOST_ALTERNATIONS && last.every((other, index) => other === last[index % 2]);
    if (isQuarrel) this.world.fail(`${member} goes to and fro between ${last[0]} and ${last[1]}`);
  }
}
