package org.beringia.bridge;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A field of an Arrow schema: a name, a format string of the C Data Interface, children, and perhaps the extension type
 * that its values stand for. Immutable.
 */
public final class ArrowField {
    private final String name;
    private final String format;
    private final List<ArrowField> children;
    private final Map<String, String> metadata;

    private ArrowField(String name, String format, List<ArrowField> children, Map<String, String> metadata) {
        this.name = name;
        this.format = format;
        this.children = children;
        this.metadata = metadata;
    }

    /** A field without children. */
    public static ArrowField of(String name, String format) {
        return new ArrowField(name, format, Collections.emptyList(), Collections.emptyMap());
    }

    public static ArrowField struct(String name, ArrowField... children) {
        List<ArrowField> fields = Collections.unmodifiableList(Arrays.asList(children.clone()));
        return new ArrowField(name, "+s", fields, Collections.emptyMap());
    }

    /** A list with 64-bit offsets; its child is called {@code item}, whatever name it comes with. */
    public static ArrowField list(String name, ArrowField item) {
        List<ArrowField> items = Collections.singletonList(item.named("item"));
        return new ArrowField(name, "+L", items, Collections.emptyMap());
    }

    /** A list whose values may lie anywhere among the child's: offset and length of each, in 64 bits. */
    public static ArrowField listView(String name, ArrowField item) {
        List<ArrowField> items = Collections.singletonList(item.named("item"));
        return new ArrowField(name, "+vL", items, Collections.emptyMap());
    }

    public ArrowField named(String newName) {
        return new ArrowField(newName, format, children, metadata);
    }

    /** The same, of an extension type; {@code parameters} are its own, and may be empty. */
    public ArrowField tagged(String extension, String parameters) {
        Map<String, String> tags = new TreeMap<>();
        tags.put("ARROW:extension:name", extension);
        if (!parameters.isEmpty()) {
            tags.put("ARROW:extension:metadata", parameters);
        }
        return new ArrowField(name, format, children, Collections.unmodifiableMap(tags));
    }

    public String name() {
        return name;
    }

    public String format() {
        return format;
    }

    public List<ArrowField> children() {
        return children;
    }

    public Map<String, String> metadata() {
        return metadata;
    }

    /** How many buffers an array of this type has, validity included. */
    public int buffers() {
        switch (format) {
            case "+s":
                return 1;
            case "U":
            case "Z":
            case "+vL":
                return 3;
            default:
                return 2;
        }
    }

    @Override
    public String toString() {
        return name + ":" + format + (children.isEmpty() ? "" : children.toString());
    }
}
