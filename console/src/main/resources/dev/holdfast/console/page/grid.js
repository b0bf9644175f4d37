// A table of any number of rows of which only those in sight are in the document.
import {make} from './dom.js';

const OVERSCAN = 6;

/**
 * `columns`: {key, title, sortable, cells: row => [main, sub]}; `onOpen`, `onDelete`: what a row does.
 * Rows are reused from top to bottom, so scrolling writes texts and makes no elements.
 */
export class Grid {
  constructor(frame, table, columns, {id, onOpen, onDelete, onSort, label, rowClass}) {
    Object.assign(this, {frame, table, columns, id, onOpen, onDelete, onSort, label, rowClass});
    this.rows = [];
    this.pool = [];
    this.active = undefined;
    this.head();
    this.body = table.tBodies[0];
    this.above = this.spacer();
    this.below = this.spacer();
    this.body.append(this.above, this.below);
    this.narrow = matchMedia('(max-width: 47.5rem)');
    this.narrow.addEventListener('change', () => this.measure());
    let waiting = false;
    const later = () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        this.draw();
      });
    };
    frame.addEventListener('scroll', later, {passive: true});
    new ResizeObserver(later).observe(frame);
    table.addEventListener('keydown', event => this.key(event));
    this.body.addEventListener('click', event => this.click(event));
    this.measure();
  }

  measure() {
    this.height = this.narrow.matches ? 148 : 46;
    this.draw();
  }

  head() {
    const row = make('tr');
    row.setAttribute('aria-rowindex', '1');
    for (const column of this.columns) {
      const cell = make('th', `c-${column.key}`);
      cell.scope = 'col';
      if (column.sortable) {
        const sort = make('button', 'sort', make('span', '', column.title), make('span', 'arrow'));
        sort.type = 'button';
        sort.addEventListener('click', () => this.onSort(column.key));
        cell.append(sort);
      } else {
        cell.append(make('span', 'hidden', column.title));
      }
      column.head = cell;
      row.append(cell);
    }
    this.table.tHead.replaceChildren(row);
  }

  sorted(key, down) {
    for (const column of this.columns) {
      if (!column.sortable) continue;
      const on = column.key === key;
      column.head.setAttribute('aria-sort', on ? (down ? 'descending' : 'ascending') : 'none');
      column.head.querySelector('.arrow').textContent = on ? (down ? '▼' : '▲') : '';
    }
  }

  spacer() {
    const cell = make('td');
    cell.colSpan = this.columns.length;
    const row = make('tr', 'spacer', cell);
    row.setAttribute('aria-hidden', 'true');
    return row;
  }

  newRow(slot) {
    const row = make('tr');
    row.id = `${this.table.id}-${slot}`;
    row.parts = this.columns.map(column => {
      const cell = make('td', `c-${column.key}`);
      cell.dataset.label = column.title;
      row.append(cell);
      if (column.action) {
        const act = make('button', 'danger', column.action);
        act.type = 'button';
        act.tabIndex = -1;
        cell.append(act);
        return {act};
      }
      const main = document.createTextNode('');
      const sub = document.createTextNode('');
      const badge = column.badge ? make('span', 'kind') : undefined;
      cell.append(make('div', 'main', badge, make('span', '', main)), make('div', 'sub', sub));
      return {main, sub, badge};
    });
    return row;
  }

  show(rows) {
    this.rows = rows;
    this.draw();
  }

  /** Writes the rows in sight; a text that stays is not touched. */
  draw() {
    const {frame, rows, height} = this;
    if (frame.hidden && rows.length > 0) return;
    const sight = Math.ceil(frame.clientHeight / height);
    const first = Math.max(0, Math.min(Math.floor(frame.scrollTop / height) - OVERSCAN, rows.length - sight));
    const count = Math.min(rows.length - first, sight + 2 * OVERSCAN);
    while (this.pool.length < count) {
      const row = this.newRow(this.pool.length);
      this.pool.push(row);
      this.below.before(row);
    }
    this.table.setAttribute('aria-rowcount', String(rows.length + 1));
    this.space(this.above, first * height);
    this.space(this.below, (rows.length - first - count) * height);
    let activeRow = '';
    this.pool.forEach((row, slot) => {
      const item = slot < count ? rows[first + slot] : undefined;
      if (row.hidden !== !item) row.hidden = !item;
      row.item = item;
      if (!item) return;
      this.fill(row, item, first + slot);
      if (this.id(item) === this.active) activeRow = row.id;
    });
    if (activeRow) this.table.setAttribute('aria-activedescendant', activeRow);
    else this.table.removeAttribute('aria-activedescendant');
  }

  space(row, pixels) {
    if (row.pixels !== pixels) {
      row.pixels = pixels;
      row.hidden = pixels <= 0;
      row.firstChild.style.height = `${pixels}px`;
    }
  }

  fill(row, item, index) {
    const active = this.id(item) === this.active;
    const className = `${index % 2 ? 'odd' : 'even'} ${this.rowClass(item)}${active ? ' active' : ''}`;
    if (row.className !== className) row.className = className;
    if (row.index !== index) {
      row.index = index;
      row.setAttribute('aria-rowindex', String(index + 2));
    }
    if (row.selected !== active) {
      row.selected = active;
      row.setAttribute('aria-selected', String(active));
    }
    this.columns.forEach((column, i) => {
      const part = row.parts[i];
      if (part.act) {
        if (part.of !== item) {
          part.of = item;
          part.act.setAttribute('aria-label', this.label(item));
        }
        return;
      }
      const [main, sub, badge] = column.cells(item);
      if (part.main.data !== main) part.main.data = main;
      if (part.sub.data !== sub) part.sub.data = sub;
      if (badge !== undefined && part.badge.textContent !== badge) {
        part.badge.textContent = badge;
        part.badge.dataset.kind = badge;
      }
    });
  }

  click(event) {
    const row = event.target.closest('tr');
    if (!row?.item || String(getSelection())) return;
    this.active = this.id(row.item);
    this.draw();
    if (event.target.closest('button')) this.onDelete(row.item);
    else this.onOpen(row.item);
  }

  key(event) {
    if (event.target !== this.table) return;
    const page = Math.max(1, Math.floor(this.frame.clientHeight / this.height) - 2);
    const at = this.rows.findIndex(item => this.id(item) === this.active);
    const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity};
    if (event.key in steps) {
      event.preventDefault();
      const from = at < 0 ? (steps[event.key] > 0 ? -1 : 0) : at;
      this.go(Math.max(0, Math.min(this.rows.length - 1, from + steps[event.key])));
    } else if (at >= 0 && (event.key === 'Enter' || event.key === ' ')) {
      event.preventDefault();
      this.onOpen(this.rows[at]);
    } else if (at >= 0 && event.key === 'Delete') {
      event.preventDefault();
      this.onDelete(this.rows[at]);
    }
  }

  /** Makes a row the active one and brings it into sight. */
  go(index) {
    if (!this.rows[index]) return;
    this.active = this.id(this.rows[index]);
    const top = index * this.height;
    const headed = this.table.tHead.offsetHeight;
    if (top < this.frame.scrollTop) this.frame.scrollTop = top;
    else if (top + this.height > this.frame.scrollTop + this.frame.clientHeight - headed) {
      this.frame.scrollTop = top + this.height - this.frame.clientHeight + headed;
    }
    this.draw();
  }
}
