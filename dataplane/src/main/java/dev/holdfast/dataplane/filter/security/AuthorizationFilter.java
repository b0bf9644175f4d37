package dev.holdfast.dataplane.filter.security;

import dev.holdfast.dataplane.filter.Filter;
import dev.holdfast.dataplane.filter.FilterFactory;
import dev.holdfast.dataplane.filter.FilterRequest;
import dev.holdfast.dataplane.filter.LocalReply;
import dev.holdfast.dataplane.message.ProxyFailure;
import dev.holdfast.plan.SecurityFilter;
import java.util.List;

/** The rules of a policy in order, the first that matches decides. */
final class AuthorizationFilter implements Filter {
    private final List<RuleTest> rules;
    private final boolean allowByDefault;

    private AuthorizationFilter(List<RuleTest> rules, boolean allowByDefault) {
        this.rules = rules;
        this.allowByDefault = allowByDefault;
    }

    static FilterFactory factory(SecurityFilter.Authorization authorization) {
        List<RuleTest> rules = authorization.rules().stream().map(RuleTest::new).toList();
        Filter filter = new AuthorizationFilter(rules, authorization.allowByDefault());
        return () -> filter;
    }

    @Override
    public Step request(FilterRequest request) {
        if (allows(request)) {
            return Step.CONTINUE;
        }
        request.answer(LocalReply.of(ProxyFailure.NOT_AUTHORIZED));
        return Step.STOP;
    }

    private boolean allows(FilterRequest request) {
        RuleTest.Asked asked = new RuleTest.Asked(request);
        for (RuleTest rule : rules) {
            if (rule.matches(asked)) {
                return rule.allows();
            }
        }
        return allowByDefault;
    }
}
