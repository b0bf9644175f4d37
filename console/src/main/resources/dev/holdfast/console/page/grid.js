// A table of any number of rows of which only those in sight are in the document.
import {make} from './dom.js';

const OVERSCAN = 6;

/**
 * `columns`: {key, title, sortable, cells: row => [main, sub]}; `onOpen`, `onDelete`: what a row does.
 * Each row stands by itself at its own place, so that a browser lays out only what changed; a table that lays out its
 * rows together takes ten times as long. A row is used again a screen further on, so scrolling writes only what comes
 * into sight. The roles say what the boxes no longer do.
 */
export class Grid {
  constructor(frame, table, columns, {id, onOpen, onDelete, onSort, label, rowClass}) {
    Object.assign(this, {frame, table, columns, id, onOpen, onDelete, onSort, label, rowClass});
    this.rows = [];
    this.pool = [];
    this.active = undefined;
    this.body = table.tBodies[0];
    this.tick = 0;
    this.head();
    for (const group of [table.tHead, this.body]) group.setAttribute('role', 'rowgroup');
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
    new ResizeObserver(() => {
      this.sight = 0;
      later();
    }).observe(frame);
    table.addEventListener('keydown', event => this.key(event));
    this.body.addEventListener('click', event => this.click(event));
    this.measure();
  }

  measure() {
    this.height = this.narrow.matches ? 148 : 46;
    this.sight = 0;
    this.draw();
  }

  head() {
    const row = make('tr');
    row.setAttribute('role', 'row');
    row.setAttribute('aria-rowindex', '1');
    for (const column of this.columns) {
      const cell = make('th', `c-${column.key}`);
      cell.scope = 'col';
      cell.setAttribute('role', 'columnheader');
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

  newRow(slot) {
    const row = make('tr');
    row.id = `${this.table.id}-${slot}`;
    row.setAttribute('role', 'row');
    row.parts = this.columns.map(column => {
      const cell = make('td', `c-${column.key}`);
      cell.dataset.label = column.title;
      cell.setAttribute('role', 'gridcell');
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
    this.tick++;
    this.draw();
  }

  /** Writes the rows in sight; what has not changed since it was written is not touched. */
  draw() {
    const {frame, rows, height} = this;
    if (frame.hidden && rows.length > 0) return;
    const tall = rows.length * height;
    if (this.tall !== tall) {
      this.tall = tall;
      this.body.style.height = `${tall}px`;
      this.table.setAttribute('aria-rowcount', String(rows.length + 1));
      this.sight = 0;
    }
    if (!this.sight) {
      this.sight = Math.ceil(frame.clientHeight / height) + 1;
      const size = this.sight + 2 * OVERSCAN;
      // An even number of places, so that a place is always odd or always even.
      this.places = Math.max(this.places ?? 0, size + size % 2);
    }
    const first = Math.max(0, Math.min(Math.floor(frame.scrollTop / height) - OVERSCAN, rows.length - this.sight - OVERSCAN));
    const end = Math.min(rows.length, first + this.sight + 2 * OVERSCAN);
    let activeRow = '';
    for (let index = first; index < end; index++) {
      const slot = index % this.places;
      let row = this.pool[slot];
      if (!row) {
        row = this.newRow(slot);
        this.pool[slot] = row;
        this.body.append(row);
      }
      const item = rows[index];
      if (row.hidden) row.hidden = false;
      if (row.item !== item || row.index !== index || row.tick !== this.tick || row.height !== height) this.fill(row, item, index);
      if (this.id(item) === this.active) activeRow = row.id;
    }
    for (const row of this.pool) {
      if (row && !row.hidden && (row.index < first || row.index >= end)) {
        row.hidden = true;
        row.item = undefined;
      }
    }
    if (activeRow) this.table.setAttribute('aria-activedescendant', activeRow);
    else this.table.removeAttribute('aria-activedescendant');
  }

  fill(row, item, index) {
    const active = this.id(item) === this.active;
    const className = `${index % 2 ? 'odd' : 'even'} ${this.rowClass(item)}${active ? ' active' : ''}`;
    if (row.className !== className) row.className = className;
    if (row.index !== index || row.height !== this.height) {
      row.index = index;
      row.height = this.height;
      row.style.transform = `translateY(${index * this.height}px)`;
      row.setAttribute('aria-rowindex', String(index + 2));
    }
    row.item = item;
    row.tick = this.tick;
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
    const item = row.item;
    this.active = this.id(item);
    this.tick++;
    this.draw();
    if (event.target.closest('button')) this.onDelete(item);
    else this.onOpen(item);
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
    this.tick++;
    this.draw();
  }
}
