package dev.holdfast.dataplane.codec;

import io.netty.handler.codec.DateFormatter;
import io.netty.handler.codec.http.HttpHeaderValidationUtil;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.util.AsciiString;
import java.nio.charset.StandardCharsets;
import java.util.AbstractMap;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A header or trailer section (RFC 9110 §6.3, §6.5) kept as the octets that it came in: a field becomes an object when
 * somebody asks for it, and what nobody has touched goes out in one copy. What is added is written behind the rest, in the
 * form in which HTTP/1.1 sends it. Names are compared without regard to case; order is that of arrival.
 */
public final class FieldSection extends HttpHeaders {
    /** Numbers that a field has in {@link #spans}: its name's begin and end, its value's begin and end. */
    private static final int STRIDE = 4;

    /** For what a gateway adds to most messages, beside what came. */
    static final int ROOM = 160;

    private byte[] octets;
    private int used;
    private int[] spans;
    private int count;
    /** A bit for each name that is or was here: most questions are for names that never were. */
    private long present;

    public FieldSection() {
        this(new byte[ROOM + 96], 0, 12);
    }

    /** Over {@code octets}, of which the first {@code used} are taken; fields are told by {@link #span}. */
    FieldSection(byte[] octets, int used, int fields) {
        this.octets = octets;
        this.used = used;
        this.spans = new int[fields * STRIDE];
    }

    // ---- for the reader and the writer

    /** The next field is where these say; its value has {@code CR LF} behind it. */
    void span(int nameBegin, int nameEnd, int valueBegin, int valueEnd) {
        int at = count * STRIDE;
        if (at == spans.length) {
            spans = Arrays.copyOf(spans, at * 2);
        }
        spans[at] = nameBegin;
        spans[at + 1] = nameEnd;
        spans[at + 2] = valueBegin;
        spans[at + 3] = valueEnd;
        count++;
        present |= bit(nameEnd - nameBegin, octets[nameBegin], octets[nameEnd - 1]);
    }

    /** The last field goes on to {@code valueEnd}: a folded line. */
    void stretch(int valueEnd) {
        spans[(count - 1) * STRIDE + 3] = valueEnd;
    }

    /** Where the last field's value ends; -1 where there is no field, or it has none. */
    int lastValueEnd() {
        int at = (count - 1) * STRIDE;
        return count == 0 || spans[at + 2] == spans[at + 3] ? -1 : spans[at + 3];
    }

    /** Where the reader has put the octets, which it may have had to move. */
    void octets(byte[] now, int taken) {
        octets = now;
        used = taken;
    }

    /** How many octets {@link #write} makes. */
    int length() {
        int sum = 0;
        for (int at = 0; at < count * STRIDE; at += STRIDE) {
            sum += spans[at + 1] - spans[at] + spans[at + 3] - spans[at + 2] + 4;
        }
        return sum;
    }

    /** Writes the fields as lines, without the empty one that ends them; gives where it has ended. */
    int write(byte[] to, int begin) {
        byte[] from = octets;
        int out = begin;
        int runBegin = 0;
        int runEnd = 0;
        for (int at = 0; at < count * STRIDE; at += STRIDE) {
            int nameBegin = spans[at];
            int nameEnd = spans[at + 1];
            int valueBegin = spans[at + 2];
            int valueEnd = spans[at + 3];
            boolean plain = valueBegin == nameEnd + 2
                    && from[nameEnd + 1] == ' '
                    && from[valueEnd] == '\r'
                    && from[valueEnd + 1] == '\n';
            if (plain && nameBegin == runEnd) {
                runEnd = valueEnd + 2;
                continue;
            }
            System.arraycopy(from, runBegin, to, out, runEnd - runBegin);
            out += runEnd - runBegin;
            if (plain) {
                runBegin = nameBegin;
                runEnd = valueEnd + 2;
                continue;
            }
            runBegin = runEnd;
            out = HeadWriter.field(to, out, view(nameBegin, nameEnd), view(valueBegin, valueEnd));
        }
        System.arraycopy(from, runBegin, to, out, runEnd - runBegin);
        return out + runEnd - runBegin;
    }

    /** Gives each name in lower case, and its value: copies, for HPACK's table keeps single ones for as long as its connection. */
    void eachLowered(BiConsumer<AsciiString, AsciiString> taker) {
        for (int at = 0; at < count * STRIDE; at += STRIDE) {
            AsciiString name = CommonNames.lowered(octets, spans[at], spans[at + 1]);
            taker.accept(name, new AsciiString(octets, spans[at + 2], spans[at + 3] - spans[at + 2], true));
        }
    }

    /** The first field of that name or -1. */
    private int find(CharSequence name) {
        int length = name.length();
        if (length == 0 || (present & bit(length, (byte) name.charAt(0), (byte) name.charAt(length - 1))) == 0) {
            return -1;
        }
        return find(name, 0);
    }

    private int find(CharSequence name, int fromField) {
        int length = name.length();
        for (int i = fromField; i < count; i++) {
            int begin = spans[i * STRIDE];
            if (spans[i * STRIDE + 1] - begin == length && isName(begin, name, length)) {
                return i;
            }
        }
        return -1;
    }

    private boolean isName(int begin, CharSequence name, int length) {
        for (int i = 0; i < length; i++) {
            int a = octets[begin + i];
            int b = (byte) name.charAt(i);
            if (a != b && lower(a) != lower(b)) {
                return false;
            }
        }
        return true;
    }

    private static int lower(int octet) {
        return octet >= 'A' && octet <= 'Z' ? octet | 0x20 : octet;
    }

    private static long bit(int length, byte first, byte last) {
        return 1L << (length * 5 + (first | 0x20) * 3 + (last | 0x20));
    }

    private String value(int field) {
        int begin = spans[field * STRIDE + 2];
        return new String(octets, begin, spans[field * STRIDE + 3] - begin, StandardCharsets.ISO_8859_1);
    }

    private String name(int field) {
        int begin = spans[field * STRIDE];
        return new String(octets, begin, spans[field * STRIDE + 1] - begin, StandardCharsets.ISO_8859_1);
    }

    private AsciiString view(int begin, int end) {
        return new AsciiString(octets, begin, end - begin, false);
    }

    static final long NONE = -1;
    static final long NO_NUMBER = -2;
    private static final int MOST_DIGITS = 18;

    /** The number that the only field of that name is, or {@link #NONE}, or {@link #NO_NUMBER} for another and for several. */
    long only(CharSequence name) {
        int field = find(name);
        if (field < 0) {
            return NONE;
        }
        int begin = spans[field * STRIDE + 2];
        int end = spans[field * STRIDE + 3];
        if (begin == end || end - begin > MOST_DIGITS || find(name, field + 1) >= 0) {
            return NO_NUMBER;
        }
        long number = 0;
        for (int i = begin; i < end; i++) {
            int digit = octets[i] - '0';
            if (digit < 0 || digit > 9) {
                return NO_NUMBER;
            }
            number = number * 10 + digit;
        }
        return number;
    }

    // ---- reading

    @Override
    public @Nullable String get(CharSequence name) {
        int field = find(name);
        return field < 0 ? null : value(field);
    }

    @Override
    public @Nullable String get(String name) {
        return get((CharSequence) name);
    }

    @Override
    public String get(CharSequence name, String otherwise) {
        String found = get(name);
        return found == null ? otherwise : found;
    }

    @Override
    public List<String> getAll(CharSequence name) {
        int field = find(name);
        if (field < 0) {
            return List.of();
        }
        int next = find(name, field + 1);
        if (next < 0) {
            return List.of(value(field));
        }
        List<String> all = new ArrayList<>();
        all.add(value(field));
        for (; next >= 0; next = find(name, next + 1)) {
            all.add(value(next));
        }
        return all;
    }

    @Override
    public List<String> getAll(String name) {
        return getAll((CharSequence) name);
    }

    @Override
    public boolean contains(CharSequence name) {
        return find(name) >= 0;
    }

    @Override
    public boolean contains(String name) {
        return contains((CharSequence) name);
    }

    @Override
    public boolean contains(CharSequence name, CharSequence value, boolean ignoreCase) {
        for (int field = find(name); field >= 0; field = find(name, field + 1)) {
            AsciiString here = view(spans[field * STRIDE + 2], spans[field * STRIDE + 3]);
            if (ignoreCase ? here.contentEqualsIgnoreCase(value) : here.contentEquals(value)) {
                return true;
            }
        }
        return false;
    }

    @Override
    public boolean contains(String name, String value, boolean ignoreCase) {
        return contains((CharSequence) name, value, ignoreCase);
    }

    @Override
    public boolean containsValue(CharSequence name, CharSequence value, boolean ignoreCase) {
        for (int field = find(name); field >= 0; field = find(name, field + 1)) {
            if (lists(spans[field * STRIDE + 2], spans[field * STRIDE + 3], value, ignoreCase)) {
                return true;
            }
        }
        return false;
    }

    /** Whether a comma separated list has the member. */
    private boolean lists(int begin, int end, CharSequence member, boolean ignoreCase) {
        int from = begin;
        while (from <= end) {
            int comma = from;
            while (comma < end && octets[comma] != ',') {
                comma++;
            }
            int first = Http1Reader.firstText(octets, from, comma);
            int last = Http1Reader.textEnd(octets, first, comma);
            if (last - first == member.length()) {
                AsciiString here = view(first, last);
                if (ignoreCase ? here.contentEqualsIgnoreCase(member) : here.contentEquals(member)) {
                    return true;
                }
            }
            from = comma + 1;
        }
        return false;
    }

    @Override
    public @Nullable Integer getInt(CharSequence name) {
        Long found = number(name, Integer.MIN_VALUE, Integer.MAX_VALUE);
        return found == null ? null : Integer.valueOf(found.intValue());
    }

    @Override
    public int getInt(CharSequence name, int otherwise) {
        Integer found = getInt(name);
        return found == null ? otherwise : found;
    }

    @Override
    public @Nullable Short getShort(CharSequence name) {
        Long found = number(name, Short.MIN_VALUE, Short.MAX_VALUE);
        return found == null ? null : Short.valueOf(found.shortValue());
    }

    @Override
    public short getShort(CharSequence name, short otherwise) {
        Short found = getShort(name);
        return found == null ? otherwise : found;
    }

    private @Nullable Long number(CharSequence name, long least, long most) {
        String text = get(name);
        try {
            Long found = text == null ? null : Long.valueOf(text);
            return found == null || found < least || found > most ? null : found;
        } catch (NumberFormatException none) {
            return null;
        }
    }

    @Override
    public @Nullable Long getTimeMillis(CharSequence name) {
        String text = get(name);
        Date date = text == null ? null : DateFormatter.parseHttpDate(text);
        return date == null ? null : date.getTime();
    }

    @Override
    public long getTimeMillis(CharSequence name, long otherwise) {
        Long found = getTimeMillis(name);
        return found == null ? otherwise : found;
    }

    @Override
    public List<Map.Entry<String, String>> entries() {
        List<Map.Entry<String, String>> all = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            all.add(Map.entry(name(i), value(i)));
        }
        return all;
    }

    @Override
    @Deprecated
    public Iterator<Map.Entry<String, String>> iterator() {
        return entries().iterator();
    }

    @Override
    public Iterator<Map.Entry<CharSequence, CharSequence>> iteratorCharSequence() {
        return new Iterator<>() {
            private int next;

            @Override
            public boolean hasNext() {
                return next < count;
            }

            @Override
            public Map.Entry<CharSequence, CharSequence> next() {
                if (next >= count) {
                    throw new NoSuchElementException();
                }
                int at = next++ * STRIDE;
                return new AbstractMap.SimpleImmutableEntry<>(
                        view(spans[at], spans[at + 1]), view(spans[at + 2], spans[at + 3]));
            }
        };
    }

    @Override
    public Iterator<String> valueStringIterator(CharSequence name) {
        return getAll(name).iterator();
    }

    @Override
    public Iterator<? extends CharSequence> valueCharSequenceIterator(CharSequence name) {
        return getAll(name).iterator();
    }

    @Override
    public boolean isEmpty() {
        return count == 0;
    }

    @Override
    public int size() {
        return count;
    }

    @Override
    public Set<String> names() {
        Set<String> seen = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
        Set<String> names = new LinkedHashSet<>();
        for (int i = 0; i < count; i++) {
            String name = name(i);
            if (seen.add(name)) {
                names.add(name);
            }
        }
        return Collections.unmodifiableSet(names);
    }

    // ---- changing

    /** @throws IllegalArgumentException where a name or value has a character that none may have (RFC 9110 §5.1, §5.5) */
    @Override
    public HttpHeaders add(CharSequence name, Object value) {
        CharSequence text = value instanceof CharSequence already ? already : text(value);
        if (name.isEmpty() || HttpHeaderValidationUtil.validateToken(name) >= 0) {
            throw new IllegalArgumentException("a field's name is a token (RFC 9110 §5.1)");
        }
        if (HttpHeaderValidationUtil.validateValidHeaderValue(text) >= 0) {
            throw new IllegalArgumentException("a field's value has no control characters (RFC 9110 §5.5)");
        }
        append(name, text);
        return this;
    }

    private static CharSequence text(Object value) {
        return value instanceof Date date ? DateFormatter.format(date) : value.toString();
    }

    private void append(CharSequence name, CharSequence value) {
        int needed = name.length() + value.length() + 4;
        if (octets.length - used < needed) {
            octets = Arrays.copyOf(octets, Math.max(octets.length * 2, used + needed + ROOM));
        }
        int begin = used;
        int nameEnd = begin + name.length();
        used = HeadWriter.field(octets, begin, name, value);
        span(begin, nameEnd, nameEnd + 2, used - 2);
    }

    @Override
    public HttpHeaders add(String name, Object value) {
        return add((CharSequence) name, value);
    }

    @Override
    public HttpHeaders add(CharSequence name, Iterable<?> values) {
        for (Object value : values) {
            add(name, value);
        }
        return this;
    }

    @Override
    public HttpHeaders add(String name, Iterable<?> values) {
        return add((CharSequence) name, values);
    }

    @Override
    public HttpHeaders add(HttpHeaders others) {
        if (others == this) {
            throw new IllegalArgumentException("cannot be added to itself");
        }
        Iterator<Map.Entry<CharSequence, CharSequence>> all = others.iteratorCharSequence();
        while (all.hasNext()) {
            Map.Entry<CharSequence, CharSequence> field = all.next();
            add(field.getKey(), field.getValue());
        }
        return this;
    }

    @Override
    public HttpHeaders addInt(CharSequence name, int value) {
        return add(name, Integer.toString(value));
    }

    @Override
    public HttpHeaders addShort(CharSequence name, short value) {
        return add(name, Short.toString(value));
    }

    @Override
    public HttpHeaders set(CharSequence name, Object value) {
        remove(name);
        return add(name, value);
    }

    @Override
    public HttpHeaders set(String name, Object value) {
        return set((CharSequence) name, value);
    }

    @Override
    public HttpHeaders set(CharSequence name, Iterable<?> values) {
        remove(name);
        return add(name, values);
    }

    @Override
    public HttpHeaders set(String name, Iterable<?> values) {
        return set((CharSequence) name, values);
    }

    @Override
    public HttpHeaders set(HttpHeaders others) {
        if (others != this) {
            clear();
            add(others);
        }
        return this;
    }

    @Override
    public HttpHeaders setAll(HttpHeaders others) {
        if (others != this) {
            HeaderForms.removeAll(this, others.names());
            add(others);
        }
        return this;
    }

    @Override
    public HttpHeaders setInt(CharSequence name, int value) {
        return set(name, Integer.toString(value));
    }

    @Override
    public HttpHeaders setShort(CharSequence name, short value) {
        return set(name, Short.toString(value));
    }

    @Override
    public HttpHeaders remove(CharSequence name) {
        int field = find(name);
        if (field >= 0) {
            int length = name.length();
            keep(field, (begin, end) -> end - begin != length || !isName(begin, name, length));
        }
        return this;
    }

    @Override
    public HttpHeaders remove(String name) {
        return remove((CharSequence) name);
    }

    /** Takes off all whose names one of many is, in one pass. */
    void removeAll(Set<String> lowerCaseNames) {
        keep(
                0,
                (begin, end) ->
                        !lowerCaseNames.contains(view(begin, end).toLowerCase().toString()));
    }

    private interface Named {
        boolean test(int begin, int end);
    }

    private void keep(int fromField, Named stays) {
        int to = fromField;
        for (int i = fromField; i < count; i++) {
            int at = i * STRIDE;
            if (stays.test(spans[at], spans[at + 1])) {
                System.arraycopy(spans, at, spans, to * STRIDE, STRIDE);
                to++;
            }
        }
        count = to;
    }

    @Override
    public HttpHeaders clear() {
        count = 0;
        used = 0;
        present = 0;
        octets = new byte[ROOM];
        return this;
    }

    @Override
    public FieldSection copy() {
        FieldSection copy = new FieldSection(Arrays.copyOf(octets, octets.length), used, 0);
        copy.spans = Arrays.copyOf(spans, spans.length);
        copy.count = count;
        copy.present = present;
        return copy;
    }
}
