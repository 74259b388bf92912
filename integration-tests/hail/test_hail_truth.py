"""The results are those of Hail's own methods, and of plain NumPy on collected data."""

import numpy as np
import pytest
from scipy import stats


def ols(G, y, age):
    """One variant: G has shape (1, samples)."""
    present = ~np.isnan(G[0])
    g, y, age = G[0][present], y[present], age[present]
    X = np.column_stack([g, np.ones_like(g), age])
    inverse = np.linalg.inv(X.T @ X)
    beta = inverse @ X.T @ y
    residual = y - X @ beta
    freedom = len(y) - X.shape[1]
    se = np.sqrt(residual @ residual / freedom * inverse[0, 0])
    t = beta[0] / se
    return beta[0], se, t, 2 * stats.t.sf(abs(t), freedom), len(y)


def test_ols_of_each_variant_is_linear_regression_rows(hl, numpy_map, cohort):
    mt = cohort
    dosage = hl.float64(mt.GT.n_alt_alleles())
    # Missing calls differ from variant to variant: Hail would impute their mean, numpy_map leaves them out.
    fields = hl.tstruct(beta=hl.tfloat64, se=hl.tfloat64, t=hl.tfloat64, p=hl.tfloat64, n=hl.tint32)
    ours = numpy_map(ols, mt.row_key, fields, args=dict(G=dosage, y=mt.pheno, age=mt.age))
    assert list(ours.key) == ["locus", "alleles"]
    ours = {(str(r.locus), *r.alleles): r for r in ours.collect()}
    imputed = mt.annotate_rows(mean=hl.agg.mean(mt.GT.n_alt_alleles()))
    complete = numpy_map(
        ols,
        imputed.row_key,
        fields,
        args=dict(G=hl.or_else(hl.float64(imputed.GT.n_alt_alleles()), imputed.mean), y=imputed.pheno, age=imputed.age),
    )
    theirs = hl.linear_regression_rows(y=mt.pheno, x=mt.GT.n_alt_alleles(), covariates=[1.0, mt.age])
    both = complete.annotate(theirs=theirs[complete.key]).collect()
    assert len(both) == 300
    for row in both:
        theirs = row.theirs
        assert row.beta == pytest.approx(theirs.beta, rel=1e-10, abs=1e-10)
        assert row.se == pytest.approx(theirs.standard_error, rel=1e-10, abs=1e-10)
        assert row.t == pytest.approx(theirs.t_stat, rel=1e-10, abs=1e-10)
        assert row.p == pytest.approx(theirs.p_value, rel=1e-10, abs=1e-10)
    counts = {
        (str(r.locus), *r.alleles): r.n
        for r in mt.annotate_rows(n=hl.agg.count_where(hl.is_defined(mt.GT))).rows().collect()
    }
    assert {key: row.n for key, row in ours.items()} == counts
    assert min(counts.values()) < 120


def test_complete_variants_agree_without_imputation(hl, numpy_map, cohort):
    """Variant by variant on the samples that have a call: what Hail computes on just these."""
    mt = cohort.head(5)
    fields = hl.tstruct(beta=hl.tfloat64, se=hl.tfloat64, t=hl.tfloat64, p=hl.tfloat64, n=hl.tint32)
    ours = numpy_map(
        ols, mt.row_key, fields, args=dict(G=hl.float64(mt.GT.n_alt_alleles()), y=mt.pheno, age=mt.age)
    ).collect()
    for row in ours:
        one = mt.filter_rows((mt.locus == row.locus) & (mt.alleles == row.alleles))
        one = one.filter_cols(hl.agg.all(hl.is_defined(one.GT)))
        theirs = hl.linear_regression_rows(y=one.pheno, x=one.GT.n_alt_alleles(), covariates=[1.0, one.age]).collect()[
            0
        ]
        assert row.beta == pytest.approx(theirs.beta, rel=1e-10)
        assert row.p == pytest.approx(theirs.p_value, rel=1e-10)


def burden(G, weight, y):
    score = np.nansum(G * weight[:, None], axis=0)
    slope, intercept = np.polyfit(score, y, 1)
    return slope, intercept, float(score.sum())


def test_burden_of_each_gene(hl, numpy_map, cohort):
    mt = cohort
    ours = numpy_map(
        burden,
        mt.gene,
        "struct{slope: float64, intercept: float64, total: float64}",
        args=dict(G=hl.float64(mt.GT.n_alt_alleles()), weight=mt.weight, y=mt.pheno),
    )
    assert list(ours.key) == ["gene"]
    ours = {r.gene: r for r in ours.collect()}
    y = np.array(mt.pheno.collect())
    entries = mt.localize_entries("e", "c")
    rows = entries.select(gene=entries.gene, weight=entries.weight, g=entries.e.map(lambda e: e.GT.n_alt_alleles()))
    by_gene = {}
    for row in rows.collect():
        by_gene.setdefault(row.gene, []).append(row)
    assert set(by_gene) == set(ours)
    for gene, rows in by_gene.items():
        G = np.array([[np.nan if g is None else g for g in row.g] for row in rows], dtype=float)
        weight = np.array([row.weight for row in rows])
        expected = burden(G, weight, y)
        found = (ours[gene].slope, ours[gene].intercept, ours[gene].total)
        assert found == pytest.approx(expected, rel=1e-10)


def ridge(G, y, penalty):
    X = np.where(np.isnan(G), 0.0, G).T
    coef = np.linalg.solve(X.T @ X + penalty * np.eye(X.shape[1]), X.T @ y)
    return coef, float(np.linalg.norm(X @ coef - y))


def test_ridge_of_each_block(hl, numpy_map, cohort):
    mt = cohort
    ours = numpy_map(
        ridge,
        mt.block,
        hl.tstruct(coef=hl.tarray(hl.tfloat64), residual=hl.tfloat64),
        args=dict(G=hl.float64(mt.GT.n_alt_alleles()), y=mt.pheno, penalty=mt.shrinkage),
        order_by=mt.locus,
    ).collect()
    y = np.array(mt.pheno.collect())
    rows = mt.localize_entries("e", "c")
    rows = rows.select(block=rows.block, g=rows.e.map(lambda e: e.GT.n_alt_alleles())).collect()
    assert [r.block for r in ours] == sorted({r.block for r in rows})
    for block in ours:
        G = np.array([[np.nan if g is None else g for g in r.g] for r in rows if r.block == block.block], dtype=float)
        coef, residual = ridge(G, y, 2.5)
        np.testing.assert_allclose(block.coef, coef, rtol=1e-9)
        assert block.residual == pytest.approx(residual, rel=1e-10)


def test_logistic_regression_with_statsmodels(hl, numpy_map, cohort):
    api = pytest.importorskip("statsmodels.api")

    def logit(G, case, age):
        import statsmodels.api as sm

        present = ~np.isnan(G[0])
        X = np.column_stack([G[0], np.ones_like(age), age])[present]
        fit = sm.Logit(case[present].astype(float), X).fit(disp=0)
        return fit.params[0], fit.bse[0], fit.pvalues[0]

    assert api
    mt = cohort.head(20)
    ours = numpy_map(
        logit,
        mt.row_key,
        hl.tstruct(beta=hl.tfloat64, se=hl.tfloat64, p=hl.tfloat64),
        args=dict(G=hl.float64(mt.GT.n_alt_alleles()), case=mt.case, age=mt.age),
    )
    for row in ours.head(3).collect():
        one = mt.filter_rows((mt.locus == row.locus) & (mt.alleles == row.alleles))
        one = one.filter_cols(hl.agg.all(hl.is_defined(one.GT)))
        theirs = hl.logistic_regression_rows(
            "wald", y=one.case, x=one.GT.n_alt_alleles(), covariates=[1.0, one.age], tolerance=1e-12
        ).collect()[0]
        assert row.beta == pytest.approx(theirs.beta, rel=1e-5)
        assert row.p == pytest.approx(theirs.p_value, rel=1e-5)
